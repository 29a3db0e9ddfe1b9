// Draws media/icon.png: a first table whose entry leads to a page that is gone, while the old arrow still stands.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

const SIZE = 256;
/** Samples per pixel and direction. */
const SAMPLES = 4;

const BACKGROUND = [0x16, 0x22, 0x2e];
const TABLE = [0x6c, 0xb2, 0xe8];
const PAGE = [0x7f, 0xb7, 0x85];
const STALE = [0xf2, 0x7d, 0x7d];

/** Shapes say whether a point is inside. */
const box = (x, y, w, h, r) => (px, py) => {
  const dx = Math.max(x + r - px, 0, px - (x + w - r));
  const dy = Math.max(y + r - py, 0, py - (y + h - r));
  return Math.hypot(dx, dy) <= r;
};
const line = (x1, y1, x2, y2, width) => (px, py) => {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const t = Math.min(1, Math.max(0, ((px - x1) * dx + (py - y1) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(px - x1 - t * dx, py - y1 - t * dy) <= width / 2;
};
const frame = (x, y, w, h, r, width) => {
  const [outer, inner] = [box(x, y, w, h, r), box(x + width, y + width, w - 2 * width, h - 2 * width, r / 2)];
  return (px, py) => outer(px, py) && !inner(px, py);
};

/** Later ones lie on top. */
const SHAPES = [
  [box(0, 0, SIZE, SIZE, 44), BACKGROUND],
  ...[44, 104, 164].map((y) => [box(40, y, 56, 48, 8), TABLE]),
  [line(104, 68, 152, 68, 12), PAGE],
  [box(160, 44, 56, 48, 8), PAGE],
  [line(104, 128, 152, 176, 12), STALE],
  [frame(160, 164, 56, 48, 8, 10), STALE],
  [line(176, 178, 200, 198, 9), STALE],
  [line(200, 178, 176, 198, 9), STALE],
];

function pixel(x, y) {
  const sum = [0, 0, 0, 0];
  for (let i = 0; i < SAMPLES * SAMPLES; i++) {
    const px = x + ((i % SAMPLES) + 0.5) / SAMPLES;
    const py = y + (Math.floor(i / SAMPLES) + 0.5) / SAMPLES;
    const colour = SHAPES.findLast(([inside]) => inside(px, py))?.[1];
    if (colour) for (const [channel, value] of [...colour, 255].entries()) sum[channel] += value;
  }
  const covered = sum[3] / 255;
  return covered === 0
    ? [0, 0, 0, 0]
    : [...sum.slice(0, 3).map((v) => Math.round(v / covered)), Math.round(sum[3] / SAMPLES ** 2)];
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

const rows = Array.from({ length: SIZE }, (_, y) =>
  Buffer.from([0, ...Array.from({ length: SIZE }, (_, x) => pixel(x, y)).flat()]),
);
const header = Buffer.alloc(13);
header.writeUInt32BE(SIZE, 0);
header.writeUInt32BE(SIZE, 4);
header.set([8, 6, 0, 0, 0], 8);
const png = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  chunk('IHDR', header),
  chunk('IDAT', deflateSync(Buffer.concat(rows), { level: 9 })),
  chunk('IEND', Buffer.alloc(0)),
]);
writeFileSync(join(import.meta.dirname, '../media/icon.png'), png);
