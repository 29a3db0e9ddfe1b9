/**
 * A scenario file as plain data: what the parser builds, what the checks read and what the runner interprets. One set
 * of types, so nothing is lowered twice. Names are not resolved here: a payload may name values that only a run makes.
 */
import type { Name, Span } from '../base/span.ts';
import type { Expr } from './expr.ts';

/** `a.b = v`, `a = { b = v }` or `a { b = v }`; exactly one of `value` and `fields` is set. */
export interface FieldInit extends Span {
  readonly path: readonly Name[];
  readonly value?: Expr;
  readonly fields?: readonly FieldInit[];
  /** The `{ .. }` of `fields` with its braces. */
  readonly body?: Span;
}

/**
 * A payload: `KIND NAME [= BASE] [mapped N] { .. }`, `struct S NAME ..`, `array NAME of S ..`, `raw NAME ..`, or the
 * same without a name inline. `word` is the short kind, or `struct`, `array`, `raw`.
 */
export interface Payload extends Span {
  readonly word: Name;
  /** The struct named after `struct` or `of`. */
  readonly struct?: Name;
  readonly name?: Name;
  readonly base?: Name;
  readonly mapped?: Expr;
  readonly fields: readonly FieldInit[];
  /** Elements of an `array`. */
  readonly elements?: readonly (readonly FieldInit[])[];
  /** `raw NAME bytes ".."`. */
  readonly bytes?: Expr;
  /** `raw NAME size N`. */
  readonly size?: Expr;
  /** The `{ .. }` with its braces, or the empty span where it would stand. */
  readonly body: Span;
  readonly doc?: string;
}

/** `IOVA [size N] -> GPA [perms] [page S] [attributes]`, in a table's body and in a `map` step. */
export interface Mapping extends Span {
  readonly from: Expr;
  readonly size?: Expr;
  readonly to: Expr;
  /** Letters of `r w x u g p`; absent: the default `rw`. */
  readonly perms?: Name;
  readonly page?: Expr;
  readonly attributes: readonly Name[];
}

/** `pagetable NAME FORMAT at ADDR [space hpa] { mappings }`. */
export interface PageTableDecl extends Span {
  readonly name: Name;
  readonly format: Name;
  readonly root: Expr;
  /** `gpa` (default) or `hpa`. */
  readonly space?: Name;
  readonly mappings: readonly Mapping[];
  readonly doc?: string;
}

/** `word [name] { key = value, .. }` inside `machine`. */
export interface MachineItem extends Span {
  /** `container`, `iommu`, `device`, `ram`, `iommufd`, `process`, ... */
  readonly word: Name;
  /** The word behind it: the model of an `iommu`, the name of a `device`. */
  readonly name?: Name;
  readonly settings: readonly Setting[];
  /** Only `ram GPA size N -> HPA [page S]`. */
  readonly ram?: { readonly gpa: Expr; readonly size: Expr; readonly hpa: Expr; readonly page?: Expr };
}
export interface Setting extends Span {
  readonly key: Name;
  readonly value: Expr;
}
export interface MachineDecl extends Span {
  readonly items: readonly MachineItem[];
  readonly doc?: string;
}

export interface LetDecl extends Span {
  readonly name: Name;
  readonly value: Expr;
  readonly doc?: string;
}

export interface UapiDecl extends Span {
  readonly id: Name;
  /** `{ quirk = on | off }`. */
  readonly quirks: readonly { readonly name: Name; readonly value: Name }[];
  readonly doc?: string;
}

export interface IncludeDecl extends Span {
  readonly path: string;
  readonly pathSpan: Span;
}

/** `evolve struct S version N { new fields }`. */
export interface EvolveDecl extends Span {
  readonly struct: Name;
  readonly version: Expr;
  /** `count` is the `[N]` of an array. */
  readonly fields: readonly { readonly type: Name; readonly name: Name; readonly count?: Expr }[];
  readonly doc?: string;
}

export interface ScenarioDecl extends Span {
  readonly title: string;
  readonly titleSpan: Span;
  /** `for X in [..]` or `for X in A..B` behind the title. */
  readonly loop?: { readonly name: Name; readonly values: LoopValues };
  readonly steps: readonly Step[];
  readonly body: Span;
  readonly doc?: string;
}
export type LoopValues = { readonly list: Expr } | { readonly from: Expr; readonly to: Expr };

/** What every step carries. `head` is the step without its `expect`; results are drawn at the end of its last line. */
interface StepBase extends Span {
  readonly head: Span;
  readonly expect?: Expectation;
}

/** A device that does something, with an optional PASID. */
export interface SubmitStep extends StepBase {
  readonly kind: 'submit';
  readonly payload: Expr;
  /** `to IOCTL`: a name or a number. */
  readonly to?: Expr;
  readonly on?: Name;
  readonly mapped?: Expr;
  readonly failNth?: Expr;
  readonly as?: Name;
}
export interface DmaStep extends StepBase {
  readonly kind: 'dma';
  readonly access: 'read' | 'write' | 'exec';
  readonly device: Name;
  readonly pasid?: Expr;
  readonly at: Expr;
  readonly size?: Expr;
  readonly privileged: boolean;
  readonly ats: boolean;
  readonly value?: Expr;
  readonly as?: Name;
}
export interface MapStep extends StepBase {
  readonly kind: 'map';
  readonly table: Name;
  readonly mapping: Mapping;
}
export interface UnmapStep extends StepBase {
  readonly kind: 'unmap';
  readonly table: Name;
  readonly from: Expr;
  readonly size?: Expr;
}
export interface ProtectStep extends StepBase {
  readonly kind: 'protect';
  readonly table: Name;
  readonly from: Expr;
  readonly size?: Expr;
  readonly perms: Name;
}
/** `host map gpa A [size N] -> HPA`, `host unmap gpa A [size N]`, `host protect gpa A [size N] perms`. */
export interface HostStep extends StepBase {
  readonly kind: 'host';
  readonly op: 'map' | 'unmap' | 'protect';
  readonly gpa: Expr;
  readonly size?: Expr;
  readonly to?: Expr;
  readonly perms?: Name;
}
export interface ReuseStep extends StepBase {
  readonly kind: 'reuse';
  readonly space: 'gpa' | 'hpa';
  readonly at: Expr;
  readonly size?: Expr;
}
/** `write gpa|hpa|user A [u8..u64] = V`. */
export interface WriteStep extends StepBase {
  readonly kind: 'write';
  readonly space: 'gpa' | 'hpa' | 'user';
  readonly at: Expr;
  /** Bytes: 1, 2, 4 or 8 (default 8). */
  readonly width?: number;
  readonly value: Expr;
}
/** `read gpa|hpa|user A [u8..u64] [as NAME]`. */
export interface ReadStep extends StepBase {
  readonly kind: 'read';
  readonly space: 'gpa' | 'hpa' | 'user';
  readonly at: Expr;
  readonly width?: number;
  readonly as?: Name;
}
/** `write reg iommu0.NAME = V`. */
export interface WriteRegStep extends StepBase {
  readonly kind: 'write-reg';
  readonly register: MemberRef;
  readonly value: Expr;
}
export interface MemberRef extends Span {
  readonly object: Name;
  readonly path: readonly Name[];
}
/** `invalidate iommu0 NAME { fields }`. */
export interface InvalidateStep extends StepBase {
  readonly kind: 'invalidate';
  readonly iommu: Name;
  readonly command: Name;
  readonly fields: readonly FieldInit[];
  /** The `{ .. }` with its braces, if the command has one. */
  readonly body?: Span;
}
/** `command iommu0 [words]`. */
export interface CommandStep extends StepBase {
  readonly kind: 'command';
  readonly iommu: Name;
  readonly words: Expr;
}
export interface RespondStep extends StepBase {
  readonly kind: 'respond';
  readonly payload: Expr;
  readonly as?: Name;
}
export interface InjectStep extends StepBase {
  readonly kind: 'inject';
  readonly device: Name;
  readonly payload: Expr;
  readonly as?: Name;
}
/** `read fd E into NAME [size N] [as NAME]`, `write fd E from NAME [size N] [as NAME]`. */
export interface FdStep extends StepBase {
  readonly kind: 'fd';
  readonly op: 'read' | 'write';
  readonly fd: Expr;
  readonly buffer: Name;
  readonly size?: Expr;
  readonly as?: Name;
}
export interface LifecycleStep extends StepBase {
  readonly kind: 'attach' | 'replace' | 'detach' | 'unbind' | 'reset' | 'exit';
  readonly device?: Name;
  /** `exit NAME`: a process of the machine; without a name the one that runs the scenario. */
  readonly process?: Name;
  readonly to?: Expr;
  readonly pasid?: Expr;
  readonly failNth?: Expr;
  readonly as?: Name;
}
export interface ForStep extends StepBase {
  readonly kind: 'for';
  readonly name: Name;
  readonly values: LoopValues;
  readonly steps: readonly Step[];
}
export interface LetStep extends StepBase {
  readonly kind: 'let';
  readonly name: Name;
  readonly value: Expr;
}
export interface NoteStep extends StepBase {
  readonly kind: 'note';
  readonly text: string;
}
export interface ParallelStep extends StepBase {
  readonly kind: 'parallel';
  readonly lanes: readonly (readonly Step[])[];
}
/** `expect ...` alone. */
export interface AssertStep extends StepBase {
  readonly kind: 'assert';
  readonly assertion: Assertion;
}

export type Step =
  | SubmitStep
  | DmaStep
  | MapStep
  | UnmapStep
  | ProtectStep
  | HostStep
  | ReuseStep
  | WriteStep
  | ReadStep
  | WriteRegStep
  | InvalidateStep
  | CommandStep
  | RespondStep
  | InjectStep
  | FdStep
  | LifecycleStep
  | ForStep
  | LetStep
  | NoteStep
  | ParallelStep
  | AssertStep;

/** `cached|uncached [devtlb] DEV [pasid P] at A`, `bound|unbound DEV [pasid P] [to E]`, `faults N`, ... */
export type Assertion =
  | {
      readonly kind: 'cached';
      readonly want: boolean;
      readonly devtlb: boolean;
      readonly device: Name;
      readonly pasid?: Expr;
      readonly at: Expr;
    }
  | { readonly kind: 'bound'; readonly want: boolean; readonly device: Name; readonly pasid?: Expr; readonly to?: Expr }
  | { readonly kind: 'faults'; readonly count: Expr }
  /** The kernel mock's words: `iotlb HWPT == [..]`, `devcache DEV == [..]`. */
  | { readonly kind: 'mock'; readonly what: 'iotlb' | 'devcache'; readonly object: Expr; readonly words: Expr }
  | { readonly kind: 'expr'; readonly value: Expr };

/** `expect A, B or C`: one of the groups must hold whole. */
export interface Expectation extends Span {
  readonly groups: readonly (readonly Outcome[])[];
}

export type CompareOp = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** One outcome behind `expect`; `errno` and fault names are kept as written. */
export type Outcome = Span &
  (
    | { readonly kind: 'ok' | 'any' | 'miss' | 'stale' | 'fresh' | 'request' | 'stall' }
    | { readonly kind: 'errno'; readonly name: string }
    | { readonly kind: 'hidden'; readonly errno?: string }
    | { readonly kind: 'returns' | 'hpa' | 'gpa' | 'value' | 'refs' | 'config'; readonly value: Expr }
    /** `fault`, `fault SFS.2`, `fault 0x71`, `fault abort`. */
    | { readonly kind: 'fault'; readonly name?: string; readonly code?: Expr }
    | { readonly kind: 'hit'; readonly cache?: 'iotlb' | 'psc' | 'devtlb' }
    | { readonly kind: 'event'; readonly words: Expr }
    | { readonly kind: 'issued'; readonly commands: Expr }
    | { readonly kind: 'error'; readonly name: string }
    | { readonly kind: 'reason'; readonly rule: string }
    /** `field == E`: the value after the call; `NAME.field` and register members are allowed too. */
    | { readonly kind: 'field'; readonly path: readonly Name[]; readonly op: CompareOp; readonly value: Expr }
  );

export type Declaration =
  | ({ readonly kind: 'uapi' } & UapiDecl)
  | ({ readonly kind: 'include' } & IncludeDecl)
  | ({ readonly kind: 'let' } & LetDecl)
  | ({ readonly kind: 'machine' } & MachineDecl)
  | ({ readonly kind: 'payload' } & Payload)
  | ({ readonly kind: 'pagetable' } & PageTableDecl)
  | ({ readonly kind: 'evolve' } & EvolveDecl)
  | ({ readonly kind: 'scenario' } & ScenarioDecl);

export interface Program {
  readonly declarations: readonly Declaration[];
  /** `//!` lines. */
  readonly doc?: string;
}
