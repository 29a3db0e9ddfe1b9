import type { Step, VtdCase } from './vtd-case.ts';
import type { FaultRecord, VtdDifference } from './vtd-difference.ts';

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
/** How to run the case again: `VSVA_ORACLE_ONLY`. */
export const header = ({ variant, seed }: VtdCase): string => `${variant.name}, seed ${seed}`;

/** Everything that is known of a difference, for people. */
export function describe(made: VtdCase, d: VtdDifference): { signature: string; text: string } {
  const { access, engine, qemu, path } = d;
  const cached = `${engine.hit ? ' by the IOTLB' : engine.shortened ? ' by structure caches' : ''}${engine.stale ? ` (stale: ${engine.source})` : ''}`;
  const engineSays = `${engine.ok ? hex(engine.hpa) : `${engine.name}${engine.record ? '' : ' unlogged'}`}${cached}`;
  const qemuSays = qemu.record
    ? `fault ${fields(qemu.record).join(', ')}`
    : qemu.at === null
      ? 'nothing'
      : hex(qemu.at);
  const kind = engine.ok ? 'ok' : engine.name;
  const other = qemu.record ? hex(qemu.record.reason) : qemu.at === null ? 'nothing' : 'ok';
  const lines = [
    header(made),
    story(d.steps),
    `  ${stepText(access)}`,
    `  engine: ${engineSays}; a walk now: ${engine.fresh.ok ? hex(engine.fresh.hpa) : engine.fresh.name}`,
    `          ${d.engineRecord ? fields(d.engineRecord).join(', ') : 'no record'}`,
    `  QEMU:   ${qemuSays}; expected ${hex(d.expected.reason)} ${d.expected.logged ? 'logged ' : ''}${d.expected.met.join(' ')}`,
    `  root ${hex(path.root)} context ${path.context.map(hex).join(' ')} directory ${hex(path.directory)}`,
    `  pasid ${path.pasid.map(hex).join(' ')}`,
    ...path.entries.map(({ level, at, value }) => `  level ${level} at ${hex(at)}: ${hex(value)}`),
  ];
  const stale = engine.stale ? ` stale ${engine.source}` : '';
  return {
    signature: `${made.variant.mode} ${made.variant.stage}: engine ${kind}${stale}, QEMU ${other}`,
    text: lines.join('\n'),
  };
}

export const story = (steps: readonly Step[]): string => steps.map((step) => `  ${stepText(step)}`).join('\n');

const stepText = (step: Step): string => {
  if (step.do === 'edit') return `edit ${hex(step.at)} = ${hex(step.value)}`;
  if (step.do === 'root') return `root ${hex(step.rtaddr)}`;
  if (step.do === 'invalidate') return `${step.what} ${step.words.map(hex).join(' ')}`;
  return `${step.write ? 'write' : 'read'} ${hex(step.address)} of ${hex(step.sid)}`;
};

export const fields = (record: FaultRecord): string[] =>
  Object.entries(record).map(([name, value]) => `${name} ${typeof value === 'bigint' ? hex(value) : value}`);
