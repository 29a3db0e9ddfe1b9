import {
  type Declared,
  encodePayload,
  evaluate,
  findFormat,
  isNoValue,
  KNOWN_FORMAT_NAMES,
  leafSizes,
  type Names,
  type NoValue,
  nearest,
  PageTable,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Expr, LetDecl, PageTableDecl, Payload, Span } from './syntax.ts';

/** Adds an error, with what was probably meant. */
type Report = (at: Span & { readonly file: string }, code: string, message: string, fix?: string) => void;

/** Values of declarations that can be known before a run: names, types, widths. `names` is a static scope of the file. */
export class ValueChecks {
  readonly #names: Names;
  #found: Diagnostic[] = [];

  constructor(names: Names) {
    this.#names = names;
  }

  let({ node, file }: Declared<LetDecl>): Diagnostic[] {
    this.#expression(node.value, file);
    return this.#take();
  }

  payload(declared: Declared<Payload>): Diagnostic[] {
    const { scenarios, included } = this.#names.file;
    for (const trouble of encodePayload(declared, this.#names).troubles) {
      if (trouble.through !== undefined && this.#names.isWrong(trouble.through)) continue;
      // A file without scenarios, and any included one, leaves it to its users to bind what its payloads name.
      if (trouble.code !== 'unknown-name' || (scenarios.length > 0 && !included.has(trouble.file)))
        this.#error(trouble, trouble.code, trouble.message, trouble.fix);
      else if (!included.has(trouble.file))
        this.#found.push({
          file: trouble.file,
          start: trouble.start,
          end: trouble.end,
          code: 'name-bound-elsewhere',
          severity: 'information',
          message: `${trouble.message} in this file; a scenario that submits the payload has to bind it`,
        });
    }
    if (declared.node.mapped) this.#expression(declared.node.mapped, declared.file);
    return this.#take();
  }

  table({ node, file }: Declared<PageTableDecl>): Diagnostic[] {
    checkFormat(node.format, file, this.#error);
    if (node.space && node.space.text !== 'hpa' && node.space.text !== 'gpa')
      this.#error({ ...node.space, file }, 'unknown-name', `a space is gpa or hpa, not ${node.space.text}`);
    this.#expression(node.root, file);
    let attributes: Readonly<Record<string, bigint>> | undefined;
    const table = emptyTable(node.format.text);
    const smallest = table ? leafSizes(table.format)[0]! : 0x1000n;
    for (const mapping of node.mappings) {
      const ia = this.#expression(mapping.from, file);
      const oa = this.#expression(mapping.to, file);
      const page = mapping.page ? this.#expression(mapping.page, file) : smallest;
      const size = mapping.size ? this.#expression(mapping.size, file) : page;
      if (ia !== undefined && oa !== undefined && size !== undefined && page !== undefined) {
        const misfit = table?.misfit({ ia, oa, size, page, read: true, write: true, execute: false, user: true });
        if (misfit !== undefined) this.#error({ ...mapping, file }, 'mapping-impossible', misfit);
      }
      if (mapping.attributes.length === 0) continue;
      attributes ??= findFormat(node.format.text)?.make(WIDEST_LIMITS).data.attributes;
      for (const a of mapping.attributes)
        if (attributes && !(a.text in attributes))
          this.#error(
            { ...a, file },
            'unknown-name',
            `${node.format.text} has no entry bit ${a.text}; it has ${Object.keys(attributes).join(', ')}`,
          );
    }
    return this.#take();
  }

  #expression(expr: Expr, file: string): bigint | undefined {
    const value = evaluate(expr, this.#names.scope());
    if (isMistake(value) && !(value.through !== undefined && this.#names.isWrong(value.through)))
      this.#error({ ...value.at, file }, value.code, value.message, value.fix);
    return typeof value === 'bigint' ? value : undefined;
  }

  readonly #error: Report = ({ file, start, end }, code, message, fix) => {
    this.#found.push({ file, start, end, code, severity: 'error', message, ...(fix === undefined ? {} : { fix }) });
  };

  #take(): Diagnostic[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }
}

/** A table nothing is written to, to ask what its format can hold. */
function emptyTable(format: string): PageTable | undefined {
  const nothing = { read64: () => 0n, write64: () => undefined };
  const choice = findFormat(format);
  return choice && new PageTable(choice.make(WIDEST_LIMITS), nothing, 0n, () => undefined);
}

function checkFormat(format: { readonly text: string } & Span, file: string, error: Report): void {
  if (findFormat(format.text)) return;
  const near = nearest(format.text, KNOWN_FORMAT_NAMES);
  error(
    { ...format, file },
    'unknown-format',
    `${format.text || 'this'} is not a page-table format${near ? `; did you mean ${near}?` : `; there are ${KNOWN_FORMAT_NAMES.join(', ')}`}`,
    near,
  );
}

const isMistake = (value: unknown): value is NoValue =>
  isNoValue(value as NoValue) && (value as NoValue).noValue === 'mistake';
