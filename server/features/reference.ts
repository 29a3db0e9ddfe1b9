import {
  type Check,
  type CheckTable,
  checksOf,
  checkTablesOf,
  ERRNO,
  type Errno,
  type Evidence,
  FORMATS,
  hex,
  MODELS,
  RUNNABLE_GENERATION_IDS,
  type Skip,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { BitField, BitLayout } from '../../engine/models/bit-layout.ts';
import type { Model } from '../../engine/models/index.ts';
import { CAP, ECAP } from '../../engine/models/vtd/cap-fields.ts';
import { type CapName, DEFAULT_CAP_FIELDS, DEFAULT_HAW } from '../../engine/models/vtd/caps.ts';
import { type AtsAnswer, FAULTS } from '../../engine/models/vtd/faults.ts';
import { RULES } from '../language/rules/index.ts';
import type { Rule } from '../language/rules/rule.ts';
import { anchor, code, link, type Section, table } from './reference-markdown.ts';
import { uapiSections } from './reference-uapi.ts';

/** The whole of REFERENCE.md, made from the tables that engine and server work with. */
export function referenceMarkdown(): string {
  const sections = [
    rules(),
    ...uapiSections(),
    checks(),
    errnos(),
    formats(),
    faults(),
    capabilities(),
    ...MODELS.flatMap(hardwareSections),
  ];
  const contents = sections.map(({ title }) => `- [${title}](#${anchor(title)})`).join('\n');
  const intro =
    'Everything that the tables of this tool know: what a rule means, what a struct looks like, in which order a kernel checks what, and where each fact comes from. `vsva reference --write REFERENCE.md` makes this page; the tables are the place to change it.';
  const body = sections.map(({ title, text }) => `## ${title}\n\n${text}`);
  return `${['# Reference', intro, contents, EVIDENCE, ...body].join('\n\n')}\n`;
}

const EVIDENCE_MEANS: Readonly<Record<Evidence, string>> = {
  source: 'read in the source of the release that is named',
  'posted patch': 'read in the patch as it was posted',
  'review thread': 'said in the review of that patch',
  derived: 'worked out from code, stated by nobody',
};
const EVIDENCE = `Evidence is one of: ${Object.entries(EVIDENCE_MEANS)
  .map(([word, means]) => `*${word}* (${means})`)
  .join(', ')}.`;

// Rules

function rules(): Section {
  const overview = table(
    ['rule', 'severity', 'errno', 'what is wrong'],
    RULES.map((rule) => [link(rule.id), rule.severity, rule.errno ?? '', rule.summary]),
  );
  const text = [
    'A rule that predicts what the kernel refuses or skips is a warning. It is silent where every submit of the payload expects that outcome. In the examples, carets mark the finding in the line above them.',
    overview,
    ...RULES.map(ruleText),
  ];
  return { title: 'Rules', text: text.join('\n\n') };
}

function ruleText(rule: Rule): string {
  const examples = [
    ...rule.examples.bad.map((example) => `Found:\n\n${fence(example)}`),
    ...rule.examples.good.map((example) => `Right:\n\n${fence(example)}`),
  ];
  const about = [`*${rule.severity}*`, ...(rule.errno ? [`\`${rule.errno}\``] : [])].join(', ');
  return [`### ${rule.id}`, `${about}: ${rule.summary}.`, rule.why, ...examples].join('\n\n');
}

const fence = (code: string): string => `\`\`\`vsva\n${code}\n\`\`\``;

// Kernel

/** The rule that predicts a check: of the same id, or one that says so. */
const ruleOf = (check: Check | Skip): Rule | undefined =>
  RULES.find((rule) => rule.id === check.id) ?? RULES.find((rule) => rule.checks?.includes(check));

const idCell = (check: Check | Skip): string => {
  const rule = ruleOf(check);
  if (!rule) return check.id;
  return rule.id === check.id ? link(rule.id) : `${check.id} (${link(rule.id)})`;
};

/** Generations whose kernels check the same stand together. */
function checks(): Section {
  const parts = new Map<string, { readonly table: CheckTable; readonly ids: string[] }>();
  for (const id of RUNNABLE_GENERATION_IDS)
    for (const part of checkTablesOf(id)) {
      const key = [part.of, ...[...part.checks, ...part.skips].map((c) => `${c.id} ${c.doc} ${c.source}`)].join('\n');
      const known = parts.get(key);
      if (known) known.ids.push(id);
      else parts.set(key, { table: part, ids: [id] });
    }
  const text = [
    'The checks of each generation, in the order in which the kernel meets them within each call. `expect reason ID` names the one that refused. In brackets stands the rule that predicts a check, where it has another name.',
    ...[...parts.values()].flatMap(({ table: part, ids }) => checkTexts(part, ids)),
  ];
  return { title: 'Kernel checks', text: text.join('\n\n') };
}

function checkTexts({ of, checks: all, skips }: CheckTable, ids: readonly string[]): string[] {
  const row = (check: Check): string[] => [
    idCell(check),
    check.errno,
    code(check.at),
    check.doc,
    `${check.evidence}: ${check.source}`,
  ];
  const skipRow = (skip: Skip): string[] => [idCell(skip), skip.doc, `${skip.evidence}: ${skip.source}`];
  const head = ['check', 'errno', 'function', 'condition', 'evidence'];
  return [
    `### Checks of ${of} in ${ids.join(', ')}`,
    ...(all.length > 0 ? [table(head, [...new Set(all)].map(row))] : []),
    ...(skips.length > 0
      ? [
          'What is left undone while the call returns 0 (`expect hidden`):',
          table(['id', 'what happens', 'evidence'], skips.map(skipRow)),
        ]
      : []),
  ];
}

function errnos(): Section {
  const rows = Object.entries(ERRNO).map(([name, { code: value, means }]) => [
    code(name),
    `${value}`,
    means,
    checkedBy(name as Errno),
  ]);
  return { title: 'Errnos', text: table(['errno', 'number', 'meaning here', 'checks that return it'], rows) };
}

const checkedBy = (errno: Errno): string =>
  [
    ...new Set(
      RUNNABLE_GENERATION_IDS.flatMap((id) => checksOf(id))
        .filter((check) => check.errno === errno)
        .map((check) => check.id),
    ),
  ].join(', ');

// Hardware

function formats(): Section {
  const rows = FORMATS.map(({ name, stage, make }) => {
    const { data } = make(WIDEST_LIMITS);
    return [
      code(name),
      `${stage}`,
      `${data.levels}`,
      `${data.inputBits}`,
      Object.keys(data.attributes).join(', '),
      data.source,
    ];
  });
  const text = table(['format', 'stage', 'levels', 'input bits', 'attributes of a mapping', 'source'], rows);
  return { title: 'Page-table formats', text };
}

const ATS: Readonly<Record<AtsAnswer, string>> = {
  error: 'an error',
  null: 'success without permissions, which becomes a page request with PRI',
  none: 'cannot meet it',
};

function faults(): Section {
  const rows = FAULTS.map((f) => [
    code(f.name),
    hex(f.code),
    f.unused ? `${f.text} Never here: ${f.unused}.` : f.text,
    f.qualified ? 'unless FPD is set' : 'always',
    ATS[f.ats],
  ]);
  return {
    title: 'VT-d faults',
    text: [
      'Fault reasons (VT-d 7.1.3): up to 0xe those of legacy mode, from 0x38 those of scalable mode. `expect fault NAME` or `expect fault CODE` asks for one.',
      table(['fault', 'code', 'meaning', 'logged', 'answer to a translation request'], rows),
    ].join('\n\n'),
  };
}

function capabilities(): Section {
  const model = MODELS.find((m) => m.id === 'vtd');
  const rows = [...CAP, ...ECAP].map((field) => [
    code(field.name),
    `${field.register} ${bits(field)}`,
    `${DEFAULT_CAP_FIELDS[field.name as CapName] ?? 0}`,
    field.doc,
    field.aliases.map(code).join(', '),
  ]);
  return {
    title: 'VT-d capabilities',
    text: [
      `${model?.title ?? 'VT-d'}: \`iommu vtd { NAME = VALUE }\` sets a field over these defaults, \`cap = ..\` and \`ecap = ..\` whole registers, and \`haw = ${DEFAULT_HAW}\` the host address width, which no register holds.`,
      table(['field', 'bits', 'default', 'meaning', 'older names'], rows),
    ].join('\n\n'),
  };
}

/** Commands, registers and records of one model that can be simulated. */
function hardwareSections({ id, hardware }: Model): Section[] {
  if (!hardware) return [];
  const title = MODEL_TITLES[id] ?? id;
  const { commands, registers, records } = hardware;
  return [
    {
      title: `${title} commands`,
      text: [
        '`invalidate iommu0 NAME { FIELD = VALUE }` issues one; fields that are not given are 0. `command iommu0 [words]` takes its words.',
        ...commands.map(layoutText),
      ].join('\n\n'),
    },
    {
      title: `${title} registers`,
      text: [
        '`iommu0.NAME` reads a register or one of its fields, `write reg iommu0.NAME = V` writes one. Under `uapi bare` the machine gives them what they hold when a scenario begins.',
        table(
          ['register', 'offset', 'bits', 'access', 'meaning'],
          registers.map((r) => [code(r.name), hex(r.offset), `${r.width}`, r.access, r.doc]),
        ),
        ...registers.flatMap(({ name, layout }) =>
          layout && !capabilityNames.has(name) ? [`### ${title} ${name}`, `${layout.source}.`, fieldTable(layout)] : [],
        ),
      ].join('\n\n'),
    },
    {
      title: `${title} records`,
      text: [
        'What a device sends by itself: `inject DEV NAME { FIELD = VALUE }` under `uapi bare`. The source id is that of the device unless the record gives another one.',
        ...records.map(layoutText),
      ].join('\n\n'),
    },
  ];
}

const MODEL_TITLES: Readonly<Record<string, string>> = { vtd: 'VT-d', smmuv3: 'SMMUv3' };
/** Registers whose fields have a table of their own. */
const capabilityNames: ReadonlySet<string> = new Set([
  'CAP',
  'ECAP',
  ...MODELS.flatMap(({ capabilities }) => Object.keys(capabilities)),
]);

const fieldTable = ({ fields }: BitLayout): string =>
  table(
    ['field', 'bits', 'meaning'],
    fields.map((field) => [code(field.name), bits(field), `${field.doc}${valuesText(field)}`]),
  );

const valuesText = ({ values }: BitField): string => {
  const words = Object.entries(values ?? {}).map(([word, value]) => `${code(word)} (${value})`);
  return words.length > 0 ? ` ${words.join(', ')}.` : '';
};

function layoutText(layout: BitLayout): string {
  const needs = 'needs' in layout && typeof layout.needs === 'string' ? ` Needs ${layout.needs}.` : '';
  return [`### ${layout.name}`, `${layout.doc}${needs} ${layout.source}.`, fieldTable(layout)].join('\n\n');
}

const bits = ({ lo, width, rest }: BitField): string =>
  [{ lo, width }, ...(rest ? [rest] : [])]
    .map((part) => (part.width === 1 ? `${part.lo}` : `${part.lo + part.width - 1}:${part.lo}`))
    .join(' and ');
