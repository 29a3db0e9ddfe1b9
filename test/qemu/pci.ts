import type { QTest } from './qtest.ts';

/** Access to configuration space: 32-bit registers by bus, devfn and offset. */
export interface ConfigSpace {
  read(bus: number, devfn: number, offset: number): Promise<number>;
  write(bus: number, devfn: number, offset: number, value: number): Promise<void>;
}

const ADDRESS_PORT = 0xcf8;
const DATA_PORT = 0xcfc;

/** Configuration mechanism 1 of a PC (PCI Local Bus 3.2.2.3.2). */
export function portConfig(qtest: QTest): ConfigSpace {
  const select = (bus: number, devfn: number, offset: number): Promise<void> =>
    qtest.outl(ADDRESS_PORT, 0x8000_0000 | (bus << 16) | (devfn << 8) | (offset & 0xfc));
  return {
    async read(bus, devfn, offset) {
      await select(bus, devfn, offset);
      return qtest.inl(DATA_PORT);
    },
    async write(bus, devfn, offset, value) {
      await select(bus, devfn, offset);
      await qtest.outl(DATA_PORT, value);
    },
  };
}

/** Memory-mapped configuration space (PCI Express 7.2.2). */
export const ecamConfig = (qtest: QTest, base: bigint): ConfigSpace => {
  const at = (bus: number, devfn: number, offset: number): bigint =>
    base + BigInt((bus << 20) | (devfn << 12) | offset);
  return {
    read: (bus, devfn, offset) => qtest.readl(at(bus, devfn, offset)),
    write: (bus, devfn, offset, value) => qtest.writel(at(bus, devfn, offset), value),
  };
};

const COMMAND = 0x04;
const BAR0 = 0x10;
const BUS_NUMBERS = 0x18;
const MEMORY_WINDOW = 0x20;
/** Memory decoding and bus mastering. */
const ENABLE = 0b110;

/** Gives a device its first BAR and lets it be bus master. */
export async function enableDevice(config: ConfigSpace, sid: number, bar: number): Promise<void> {
  await config.write(sid >> 8, sid & 0xff, BAR0, bar);
  await config.write(sid >> 8, sid & 0xff, COMMAND, ENABLE);
}

/** Puts a bus behind a bridge of bus 0 and opens 1 MiB of memory space to it. */
export async function enableBridge(config: ConfigSpace, devfn: number, bus: number, window: number): Promise<void> {
  await config.write(0, devfn, BUS_NUMBERS, (bus << 16) | (bus << 8));
  await config.write(0, devfn, MEMORY_WINDOW, (window & 0xfff0_0000) | (window >>> 16));
  await config.write(0, devfn, COMMAND, ENABLE);
}
