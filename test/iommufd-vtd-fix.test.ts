import { describe, expect, test } from 'vitest';
import { type CodeAction, codeActions } from '../server/features/code-actions.ts';
import { applyEdits } from '../server/features/fixes/edits.ts';
import { checkFile, runFile, type ScenarioReport } from '../server/features/run-file.ts';
import { fileText, MERGED, NESTED, type Uapi } from './iommufd-vtd-fixture.ts';
import { filesHost } from './run-text.ts';

const FILE = 'test.vsva';

function run(text: string): { reports: ScenarioReport[]; actions: readonly CodeAction[] } {
  const check = checkFile(FILE, text, filesHost({ [FILE]: text }));
  const reports = [...runFile(check)].filter((r) => r !== undefined);
  const whole = { start: 0, end: text.length };
  return { reports, actions: codeActions(check.resolved, whole, check.diagnostics, reports) };
}

describe('the quick fix of a stale access declares and submits the invalidation', () => {
  test.each(['iommufd-2023-07', ...MERGED] as Uapi[])('%s', (uapi) => {
    const text = fileText(
      `${NESTED}  dma read dev0 at 0x7f00_0000_2000
  map gpt 0x7f00_0000_2000 -> 0x5000_0000
  dma read dev0 at 0x7f00_0000_2010 expect hpa 0x1_5000_0010`,
      { uapi, more: 'let changed_page = 1' },
    );
    const { reports, actions } = run(text);
    expect(reports.map((r) => r.status)).toEqual(['failed']);
    const fix = actions.find((a) => a.diagnosticCodes.includes('stale') && a.isPreferred)!;
    expect(fix.title).toContain('IOMMU_HWPT_INVALIDATE of 0x7f00_0000_2000, one page');
    const mended = applyEdits(text, fix.edits);
    // The name is taken.
    expect(mended).toContain('array changed_page_2 of ');
    expect(run(mended).reports.map((r) => r.status)).toEqual(['passed']);
  });
});
