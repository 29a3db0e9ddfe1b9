/** What people can choose, as far as the server is concerned. */
export interface Settings {
  /** When scenarios run by themselves. */
  readonly live: 'onType' | 'onSave' | 'off';
  /** Steps that a scenario may take. */
  readonly maxSteps: number;
}

export const DEFAULT_SETTINGS: Settings = { live: 'onType', maxSteps: 1_000_000 };

/**
 * Settings out of what clients send: the section `vsva`, or an object that has it, nested (`{ run: { live } }`) or flat
 * (`{ "run.live": .. }`). What is missing or makes no sense stays as it was.
 */
export function readSettings(sent: unknown, before: Settings): Settings {
  const section = member(sent, 'vsva') ?? sent;
  const live = setting(section, 'live');
  const maxSteps = setting(section, 'maxSteps');
  return {
    live: live === 'onType' || live === 'onSave' || live === 'off' ? live : before.live,
    maxSteps: typeof maxSteps === 'number' && 1 <= maxSteps ? Math.floor(maxSteps) : before.maxSteps,
  };
}

const setting = (section: unknown, name: string): unknown =>
  member(member(section, 'run'), name) ?? member(section, `run.${name}`) ?? member(section, `vsva.run.${name}`);

const member = (object: unknown, name: string): unknown =>
  typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[name] : undefined;
