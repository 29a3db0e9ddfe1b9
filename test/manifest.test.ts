import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GENERATIONS } from '../engine/index.ts';
import { parse } from '../server/language/parser.ts';
import { runText } from './run-text.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const json = <T>(name: string): T => JSON.parse(read(name)) as T;

interface Setting {
  readonly type: string;
  readonly default: unknown;
  readonly markdownDescription?: string;
  readonly enum?: readonly string[];
  readonly enumDescriptions?: readonly string[];
}
interface Manifest {
  readonly main: string;
  readonly browser: string;
  readonly icon: string;
  readonly categories: readonly string[];
  readonly activationEvents: readonly string[];
  readonly galleryBanner: { readonly color: string; readonly theme: string };
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly supported: boolean };
    readonly virtualWorkspaces: boolean;
  };
  readonly contributes: {
    readonly languages: readonly {
      readonly icon: { readonly light: string; readonly dark: string };
      readonly configuration: string;
    }[];
    readonly grammars: readonly { readonly path: string }[];
    readonly snippets: readonly { readonly path: string }[];
    readonly commands: readonly { readonly command: string; readonly title: string; readonly category: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string }[]>>;
    readonly configuration: { readonly properties: Readonly<Record<string, Setting>> };
    readonly colors: readonly {
      readonly id: string;
      readonly description: string;
      readonly defaults: Readonly<Record<string, string>>;
    }[];
    readonly walkthroughs: readonly {
      readonly steps: readonly {
        readonly description: string;
        readonly media: { readonly svg: string; readonly altText: string };
      }[];
    }[];
  };
}
const manifest = json<Manifest>('package.json');
const { contributes } = manifest;
const protocol = read('server/protocol.ts');
const KINDS = [.../readonly kind: ([^;]*);/.exec(protocol)![1]!.matchAll(/'(\w+)'/g)].map((m) => m[1]!);
const client = readdirSync(join(ROOT, 'client'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(`client/${name}`))
  .join('\n');

describe('the manifest', () => {
  test('wakes the extension for its language only, and wants neither trust nor a disk', () => {
    expect(manifest.activationEvents).toEqual([]);
    expect(manifest.capabilities).toEqual({ untrustedWorkspaces: { supported: true }, virtualWorkspaces: true });
  });

  test('names files that are there and are packed', () => {
    const [language] = contributes.languages;
    const named = [
      manifest.icon,
      language!.icon.light,
      language!.icon.dark,
      language!.configuration,
      ...contributes.grammars.map((g) => g.path),
      ...contributes.snippets.map((s) => s.path),
      ...contributes.walkthroughs.flatMap((w) => w.steps.map((s) => s.media.svg)),
    ].map((name) => name.replace(/^\.\//, ''));
    expect(named.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
    const packed = read('.vscodeignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => new RegExp(`^${line.slice(1).replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`));
    const outputs = [manifest.main, manifest.browser].map((name) => name.replace(/^\.\//, ''));
    expect([...named, ...outputs].filter((name) => !packed.some((pattern) => pattern.test(name)))).toEqual([]);
  });

  test('every command has a title, a handler and a place; menus name commands that are there', () => {
    const commands = contributes.commands.map((c) => c.command);
    expect(contributes.commands.filter((c) => c.category !== 'vsva' || !/^[A-Z]/.test(c.title))).toEqual([]);
    expect(commands.filter((name) => !client.includes(`'${name}':`))).toEqual([]);
    const inMenus = Object.values(contributes.menus).flatMap((items) => items.map((item) => item.command));
    expect(inMenus.filter((name) => !commands.includes(name))).toEqual([]);
    const handled = [...client.matchAll(/^ {4}'(vsva\.\w+)':/gm)].map((m) => m[1]);
    expect(handled.sort()).toEqual([...commands].sort());
  });

  test('every setting is described, and each kind of result has a switch and a colour in all themes', () => {
    const settings = Object.entries(contributes.configuration.properties);
    expect(settings.filter(([, s]) => !s.markdownDescription?.endsWith('.') || s.default === undefined)).toEqual([]);
    expect(settings.filter(([, s]) => s.enum && s.enum.length !== s.enumDescriptions?.length)).toEqual([]);
    const names = settings.map(([name]) => name);
    expect(KINDS.length).toBe(7);
    expect(KINDS.filter((kind) => !names.includes(`vsva.results.${kind}`))).toEqual([]);
    const colours = new Map(contributes.colors.map((c) => [c.id, c]));
    expect([...KINDS, 'outdated'].filter((kind) => !colours.has(`vsva.result.${kind}`))).toEqual([]);
  });

  test('the colours of results can be read: 4.5 to 1 and more, 7 to 1 in high contrast', () => {
    const on = { dark: '#1f1f1f', light: '#ffffff', highContrast: '#000000', highContrastLight: '#ffffff' };
    const wanted = { dark: 4.5, light: 4.5, highContrast: 7, highContrastLight: 7 };
    const faint = contributes.colors.flatMap(({ id, defaults }) =>
      (Object.keys(on) as (keyof typeof on)[])
        .filter((theme) => contrast(defaults[theme]!, on[theme]) < wanted[theme])
        .map((theme) => `${id} ${theme} ${contrast(defaults[theme]!, on[theme]).toFixed(1)}`),
    );
    expect(faint).toEqual([]);
  });

  test('the walkthrough has at most five steps, which run commands that are there', () => {
    expect(contributes.walkthroughs.length).toBe(1);
    const { steps } = contributes.walkthroughs[0]!;
    expect(steps.length).toBeLessThanOrEqual(5);
    const named = steps.flatMap((s) => [...s.description.matchAll(/command:(vsva\.\w+)/g)].map((m) => m[1]!));
    expect(named).toContain('vsva.openSample');
    expect(named.filter((name) => !contributes.commands.some((c) => c.command === name))).toEqual([]);
    expect(steps.filter((s) => s.media.altText === '')).toEqual([]);
  });

  test('the icon is a PNG of at least 128 by 128', () => {
    const png = readFileSync(join(ROOT, manifest.icon));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([256, 256]);
    expect(statSync(join(ROOT, manifest.icon)).size).toBeLessThan(50_000);
  });
});

function contrast(a: string, b: string): number {
  const luminance = (colour: string): number => {
    const [r, g, bl] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * bl!;
  };
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

interface Snippet {
  readonly prefix: string | readonly string[];
  readonly description: string;
  readonly body: readonly string[];
}

/** What a snippet leaves behind when every stop is tabbed through. */
const expanded = (body: readonly string[]): string =>
  body
    .join('\n')
    .replace(/\$\{\d+\|([^,|}]*)[^}]*\}/g, '$1')
    .replace(/\$\{\d+:([^}]*)\}/g, '$1')
    .replace(/\$\d+/g, '');

describe('snippets', () => {
  const snippets = Object.entries(json<Readonly<Record<string, Snippet>>>('syntaxes/snippets.json'));

  test('there is one for every payload kind', () => {
    const kinds = GENERATIONS.flatMap((g) => [...g.kinds.keys()]);
    const begun = snippets.map(([, { body }]) => body[0]!.split(' ')[0]);
    expect([...kinds, 'machine', 'pagetable', 'scenario'].filter((kind) => !begun.includes(kind))).toEqual([]);
  });

  test.each(snippets)('%s parses as it stands', (_name, { body, description }) => {
    expect(description).not.toBe('');
    expect(parse(expanded(body)).problems.map((p) => p.message)).toEqual([]);
  });

  test('those that a user takes first make a file that holds', () => {
    const of = (name: string): string => expanded(snippets.find(([n]) => n === name)![1].body);
    const names = ['file', 'pagetable', 'pasid_request', 'bind_data', 'nesting_op bind', 'scenario'];
    const { diagnostics, scenarios } = runText(names.map(of).join('\n'));
    expect(diagnostics.filter((d) => d.severity !== 'hint')).toEqual([]);
    expect(scenarios.map((s) => s.status)).toEqual(['passed']);
  });
});

describe('the sample of the walkthrough', () => {
  const sample = read('samples/missing-invalidation.vsva');

  test('fails as stale, and for nothing else', () => {
    const { diagnostics, scenarios } = runText(sample);
    expect(diagnostics).toEqual([]);
    const failed = scenarios.flatMap((s) => s.steps.filter((step) => step.status === 'failed'));
    expect(failed.map((step) => step.detail.stale)).toEqual([true]);
  });

  test('holds once the invalidation is there', () => {
    const flush = 'invalidate iommu0 p_iotlb_inv { G = pasid, DID = 2, PASID = pasid }';
    const { scenarios } = runText(sample.replace('unmap gpt buffer\n', `unmap gpt buffer\n  ${flush}\n`));
    expect(scenarios.map((s) => s.status)).toEqual(['passed']);
  });
});
