import { isNoStruct, type Struct, structOf } from '../../engine/index.ts';
import { MADE, type ObjectKind } from '../language/rules/objects.ts';
import { stepsOf } from '../language/scenario-names.ts';
import type { Expr, Payload } from '../language/syntax.ts';
import type { Offers } from './completion-offers.ts';
import { fdMembers, hasIommufd, newestOf } from './members.ts';

const PAGE_TABLES: readonly ObjectKind[] = ['HWPT', 'paging HWPT', 'nesting parent', 'nested HWPT'];

/** What a device can be attached to. */
export const TARGETS: readonly ObjectKind[] = ['IOAS', ...PAGE_TABLES];

/** What each field of a call wants the id of. */
const WANTED: Readonly<Record<string, readonly ObjectKind[]>> = {
  dev_id: ['device'],
  pt_id: [...TARGETS, 'vIOMMU'],
  hwpt_id: PAGE_TABLES,
  ioas_id: ['IOAS'],
  dst_ioas_id: ['IOAS'],
  src_ioas_id: ['IOAS'],
  fault_id: ['fault queue'],
  viommu_id: ['vIOMMU'],
  vdevice_id: ['vDEVICE'],
  id: [...new Set(Object.values(MADE))].filter((kind) => kind !== 'file descriptor'),
};

/** The objects whose ids a field takes; undefined for one that takes none. */
export const idsOf = (field: string, offers: Offers): readonly ObjectKind[] | undefined =>
  hasIommufd(offers.generation) && Object.hasOwn(WANTED, field) ? WANTED[field] : undefined;

/** Ids of objects by what makes them: `ioas.id`, `dev0.id`, `nested.out_hwpt_id`. */
export function offerIds(offers: Offers, kinds: readonly ObjectKind[], rank: number): void {
  const { generation, resolved } = offers;
  const { scenarioFile: file } = resolved;
  if (!file || !hasIommufd(generation)) return;
  const put = (label: string, kind: ObjectKind, key?: string): void => {
    if (kinds.includes(kind)) offers.add(label, 'result', { rank, detail: kind, ...(key ? { doc: key } : {}) });
  };
  const made = (name: string, payload: Payload | undefined): void => {
    const struct = payload && structOf(payload, generation);
    if (!struct || isNoStruct(struct)) return;
    for (const { name: field } of newestOf(struct, generation).fields)
      if (Object.hasOwn(MADE, field))
        put(`${name}.${field}`, MADE[field]!, `field ${generation.id} ${struct.name} ${field}`);
  };
  for (const { name } of offers.scope()) for (const payload of submittedAs(offers, name)) made(name, payload);
  for (const [name, { node, file: where }] of file.payloads)
    if (!node.elements && !(where === resolved.file && offers.isInside(node))) made(name, node);
  for (const { name } of fdMembers('ioas', file)) put(`ioas.${name}`, 'IOAS');
  for (const { name } of file.machine.devices) put(`${name}.id`, 'device');
}

/** The payloads whose results carry a name, in the scenario around the cursor or, outside of one, in any. */
export function submittedAs(offers: Offers, name: string): readonly Payload[] {
  const { scenario, resolved } = offers;
  const payloads = resolved.scenarioFile?.payloads;
  const scenarios = scenario ? [scenario] : (resolved.scenarioFile?.scenarios ?? []);
  return scenarios.flatMap(({ steps }) =>
    [...stepsOf(steps)].flatMap((step) => {
      if (step.kind !== 'submit' || step.as?.text !== name) return [];
      const payload = payloadIn(step.payload) ?? payloads?.get(nameOf(step.payload))?.node;
      return payload ? [payload] : [];
    }),
  );
}

const payloadIn = (expr: Expr): Payload | undefined => (expr.kind === 'payload' ? expr.payload : undefined);
const nameOf = (expr: Expr): string => (expr.kind === 'name' ? expr.name : '');

/** The struct of the payload that the statement of the cursor submits, with what it carries; from tokens alone. */
export function submittedHere(offers: Offers): Struct | undefined {
  const { text, tokens, from, to } = offers.place;
  const word = (i: number): string => (i < to ? text.slice(tokens.starts[i]!, tokens.ends[i]!) : '');
  if (word(from) !== 'submit') return undefined;
  const declared = offers.resolved.scenarioFile?.payloads.get(word(from + 1));
  if (declared) return offers.layoutOf(declared);
  const struct = offers.structNamed(word(from + 1), word(from + 1) === 'struct' ? word(from + 2) : undefined);
  return struct && newestOf(struct, offers.generation);
}
