import { checkFile } from '../features/run-file.ts';
import { jsonReport } from '../report/json.ts';
import { prettyCheckTotals, prettyDiagnostic, type Style } from '../report/pretty.ts';
import { type FileReport, totalsOf } from '../report/totals.ts';
import { EXIT } from './exit.ts';
import { diskHost, findInputs, readText } from './files.ts';
import { complain, print, wantsColour } from './output.ts';

export interface CheckCommand {
  readonly inputs: readonly string[];
  readonly reporter: 'pretty' | 'json';
  readonly strict: boolean;
}

/** `vsva check`: everything that is known of files without running them. Answers the exit code. */
export async function check({ inputs, reporter, strict }: CheckCommand): Promise<number> {
  const style: Style = { colour: wantsColour(), verbose: false };
  const { files, problems } = await findInputs(inputs);
  for (const problem of problems) complain(problem);
  let unreadable = problems.length > 0;
  const reports: FileReport[] = [];
  for (const file of files) {
    const text = readText(file);
    if (typeof text !== 'string') {
      complain(`${file} cannot be read: ${text.problem}`);
      unreadable = true;
      continue;
    }
    const report = { ...checkFile(file, text, diskHost), scenarios: [] };
    reports.push(report);
    if (reporter === 'pretty') for (const d of report.diagnostics) print(prettyDiagnostic(d, report.sources, style));
  }
  const totals = totalsOf(reports);
  print(reporter === 'json' ? jsonReport(reports) : prettyCheckTotals(reports.length, totals, style));
  if (unreadable) return EXIT.usage;
  return totals.errors > 0 || (strict && totals.warnings > 0) ? EXIT.findings : EXIT.ok;
}
