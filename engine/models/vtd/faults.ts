import type { FaultReason } from '../translation.ts';

/** How an ATS translation request that meets the fault is answered: an error, or success without any permission. */
export type AtsAnswer = 'error' | 'null' | 'none';

export interface VtdFault extends FaultReason {
  /** Not logged when FPD of the context entry, directory entry or PASID entry is set. */
  readonly qualified: boolean;
  readonly ats: AtsAnswer;
  /** Why this model never reports it; no full stop. */
  readonly unused?: string;
}

const E: AtsAnswer = 'error';
const N: AtsAnswer = 'null';

const always = (code: number, name: string, text: string, ats: AtsAnswer = E): VtdFault => ({
  code,
  name,
  text,
  qualified: false,
  ats,
});
const qualified = (code: number, name: string, ats: AtsAnswer, text: string): VtdFault => ({
  code,
  name,
  text,
  qualified: true,
  ats,
});

const never = (unused: string, fault: VtdFault): VtdFault => ({ ...fault, unused });
/** Host memory has no holes, and pointers that no memory can have are reserved bits. */
const READABLE = 'every host address can be read, and those beyond the host address width are reserved bits';
const COHERENT = 'walks snoop the processor caches, and updates succeed';

/** Fault reasons (VT-d 7.1.3), in the order of their codes: up to 0xe those of legacy mode, from 0x38 of scalable mode. */
export const FAULTS: readonly VtdFault[] = [
  always(0x1, 'LRT.2', 'The root entry is not present.'),
  qualified(0x2, 'LCT.2', E, 'The context entry is not present.'),
  qualified(
    0x3,
    'LCT.4',
    E,
    'The context entry asks for a translation type or width this unit lacks, or for domain 0 with CM=1.',
  ),
  qualified(0x4, 'LGN.1', N, 'The input address lies beyond what the second stage or pass-through takes.'),
  qualified(0x5, 'LGN.2', N, 'The page may not be written.'),
  qualified(0x6, 'LGN.3', N, 'The page may not be read.'),
  never(READABLE, qualified(0x7, 'LSS.1', E, 'A second-stage entry could not be read.')),
  never(READABLE, always(0x8, 'LRT.1', 'The root entry could not be read.')),
  never(READABLE, always(0x9, 'LCT.1', 'The context entry could not be read.')),
  always(0xa, 'LRT.3', 'A reserved bit of the root entry is set.'),
  qualified(0xb, 'LCT.3', E, 'A reserved bit of the context entry is set.'),
  qualified(0xc, 'LSS.2', E, 'A reserved bit of a second-stage entry is set.'),
  qualified(0xd, 'LCT.5', E, 'The device sent an ATS request, but TT of its context entry does not allow that.'),
  qualified(0xe, 'LGN.4', E, 'The translation leads into the interrupt range 0xfee00000 to 0xfeefffff.'),
  always(0x30, 'RTA.1', 'The root table address register holds a mode or address this unit does not have.'),
  always(0x31, 'RTA.2', 'A request with a PASID arrived while the unit is in legacy mode.'),
  always(0x32, 'RTA.3', 'A page request arrived while the unit is in legacy mode.', 'none'),
  always(0x33, 'RTA.4', 'The unit is in abort mode and blocks every DMA.'),
  never(READABLE, always(0x38, 'SRT.1', 'The root entry could not be read.')),
  always(0x39, 'SRT.2', 'The present bit of this half of the root entry is clear.'),
  always(0x3a, 'SRT.3', 'A reserved bit of the root entry is set.'),
  never(READABLE, always(0x40, 'SCT.1', 'The context entry could not be read.')),
  qualified(0x41, 'SCT.2', E, 'The context entry is not present.'),
  qualified(0x42, 'SCT.3', E, 'A reserved bit of the context entry is set.'),
  never(
    'no programming is known that the other checks let through',
    qualified(0x43, 'SCT.4', E, 'The context entry is programmed in a way this unit does not support.'),
  ),
  qualified(0x44, 'SCT.5', E, 'The device sent an ATS request, but DTE of its context entry is clear.'),
  qualified(0x45, 'SCT.6', E, 'The device sent a request with a PASID, but PASIDE of its context entry is clear.'),
  qualified(0x46, 'SCT.7', E, 'The PASID lies beyond the directory that the context entry describes (PDTS).'),
  qualified(0x47, 'SCT.8', 'none', 'The device sent a page request, but PRE of its context entry is clear.'),
  qualified(0x48, 'SCT.9', E, 'RID_PASID lies beyond the directory that the context entry describes (PDTS).'),
  always(0x50, 'SPD.1', 'The PASID directory entry lies beyond the host address width.'),
  qualified(0x51, 'SPD.2', N, 'The PASID directory entry is not present.'),
  qualified(0x52, 'SPD.3', E, 'A reserved bit of the PASID directory entry is set.'),
  never(READABLE, always(0x58, 'SPT.1', 'The PASID entry could not be read.')),
  qualified(0x59, 'SPT.2', N, 'The PASID entry is not present.'),
  qualified(0x5a, 'SPT.3', E, 'A reserved bit of the PASID entry is set.'),
  qualified(
    0x5b,
    'SPT.4',
    E,
    'The PASID entry asks for a translation type, width or level count this unit lacks, or for domain 0 with CM=1.',
  ),
  qualified(0x5c, 'SPT.5', N, 'The request asks to execute, but ERE of the PASID entry is clear.'),
  qualified(0x5d, 'SPT.6', N, 'The request is privileged, but SRE of the PASID entry is clear.'),
  never(READABLE, qualified(0x70, 'SFS.1', N, 'A first-stage entry below the top table could not be read.')),
  qualified(0x71, 'SFS.2', N, 'A first-stage entry is not present.'),
  qualified(0x72, 'SFS.3', N, 'A reserved bit of a first-stage entry is set.'),
  never(READABLE, qualified(0x73, 'SFS.4', N, 'The top first-stage entry could not be read.')),
  qualified(0x74, 'SFS.5', N, 'The guest physical address of a first-stage table lies beyond the second stage.'),
  qualified(0x75, 'SFS.6', N, 'The second stage gives no read permission for the top first-stage table.'),
  qualified(0x76, 'SFS.7', N, 'The second stage gives no read permission for a first-stage table below the top.'),
  qualified(
    0x77,
    'SFS.8',
    N,
    'The second stage gives no write permission for a first-stage table whose A, EA or D must be set.',
  ),
  never(READABLE, qualified(0x78, 'SSS.1', E, 'A second-stage entry below the top table could not be read.')),
  qualified(0x79, 'SSS.2', N, 'A second-stage entry grants neither read nor write: it is not present.'),
  qualified(0x7a, 'SSS.3', E, 'A reserved bit of a second-stage entry is set.'),
  never(READABLE, qualified(0x7b, 'SSS.4', E, 'The top second-stage entry could not be read.')),
  never(
    COHERENT,
    qualified(0x7c, 'SSS.5', E, 'A or D of a second-stage entry must be set, but the walk does not snoop.'),
  ),
  never(COHERENT, qualified(0x7d, 'SSS.6', E, 'Setting A or D of a second-stage entry failed.')),
  qualified(0x80, 'SGN.1', N, 'The input address is not canonical for the first stage.'),
  qualified(0x81, 'SGN.2', N, 'An unprivileged request reached a page that is for privileged requests only.'),
  qualified(0x82, 'SGN.3', N, 'The page may not be executed.'),
  qualified(0x83, 'SGN.4', N, 'The input address lies beyond what the second stage or pass-through takes.'),
  qualified(0x84, 'SGN.5', N, 'The first stage leads to a guest physical address beyond the second stage.'),
  qualified(0x85, 'SGN.6', N, 'The page may not be written.'),
  qualified(0x86, 'SGN.7', N, 'The page may not be read.'),
  qualified(0x87, 'SGN.8', E, 'The translation leads into the interrupt range 0xfee00000 to 0xfeefffff.'),
  never(
    COHERENT,
    qualified(0x90, 'SFS.9', N, 'A, EA or D of a first-stage entry must be set, but the walk does not snoop.'),
  ),
  never(COHERENT, qualified(0x91, 'SFS.10', N, 'Setting A, EA or D of a first-stage entry failed.')),
];

const byCode = new Map(FAULTS.map((fault) => [fault.code, fault]));
const byName = new Map(FAULTS.map((fault) => [fault.name, fault]));

export const faultByCode = (code: number): VtdFault | undefined => byCode.get(code);
export const faultByName = (name: string): VtdFault | undefined => byName.get(name);

/** Codes as the walk returns them; 0 is success. */
export const Fault = {
  None: 0,
  LRT_2: 0x1,
  LCT_2: 0x2,
  LCT_4: 0x3,
  LGN_1: 0x4,
  LGN_2: 0x5,
  LGN_3: 0x6,
  LRT_3: 0xa,
  LCT_3: 0xb,
  LSS_2: 0xc,
  LCT_5: 0xd,
  LGN_4: 0xe,
  RTA_1: 0x30,
  RTA_2: 0x31,
  RTA_3: 0x32,
  RTA_4: 0x33,
  SRT_2: 0x39,
  SRT_3: 0x3a,
  SCT_2: 0x41,
  SCT_3: 0x42,
  SCT_5: 0x44,
  SCT_6: 0x45,
  SCT_7: 0x46,
  SCT_8: 0x47,
  SCT_9: 0x48,
  SPD_1: 0x50,
  SPD_2: 0x51,
  SPD_3: 0x52,
  SPT_2: 0x59,
  SPT_3: 0x5a,
  SPT_4: 0x5b,
  SPT_5: 0x5c,
  SPT_6: 0x5d,
  SFS_2: 0x71,
  SFS_3: 0x72,
  SFS_5: 0x74,
  SFS_6: 0x75,
  SFS_7: 0x76,
  SFS_8: 0x77,
  SSS_2: 0x79,
  SSS_3: 0x7a,
  SGN_1: 0x80,
  SGN_2: 0x81,
  SGN_3: 0x82,
  SGN_4: 0x83,
  SGN_5: 0x84,
  SGN_6: 0x85,
  SGN_7: 0x86,
  SGN_8: 0x87,
} as const;
