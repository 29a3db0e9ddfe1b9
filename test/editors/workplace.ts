/** What the tests of other editors share: a folder with a scenario to mend, and `vsva` on the path as people have it. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A guest that unmaps a page and tells nobody, with letters of two to four bytes. */
export const TEXT = `uapi vfio-2020-07
include "include/guest.vsva"

scenario "ü𝕏: the page goes, and nobody is told" {
  submit alloc as pasid
  submit bind /* ü𝕏 */ expect ok
  dma read dev0 pasid pasid at buffer expect hpa 0x1_4000_0000, miss
  unmap gpt buffer
  dma read dev0 pasid pasid at buffer expect fault SFS.2
}
`;

/** The line, from 1, of the first place of a part of the text. */
export const lineOf = (part: string): number => TEXT.slice(0, TEXT.indexOf(part)).split('\n').length;

/** The first line of `command --version`; undefined where the editor is not installed, which is said. */
export function versionOf(command: string, packages: string): string | undefined {
  const version = spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0];
  if (!version)
    console.warn(`${command} is not here: its tests are skipped. apt-get install -y ${packages} brings it.`);
  return version || undefined;
}

export class Workplace {
  readonly folder: string;

  constructor(name: string) {
    mkdirSync(join(ROOT, 'dist'), { recursive: true });
    this.folder = mkdtempSync(join(ROOT, 'dist', `test-${name}-`));
    const build = [join(ROOT, 'scripts/build.mjs'), '--out', join(this.folder, 'built')];
    const { status, stderr } = spawnSync(process.execPath, build, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the build failed: ${stderr}`);
    mkdirSync(join(this.folder, 'bin'));
    symlinkSync(join(this.folder, 'built', 'cli.js'), join(this.folder, 'bin', 'vsva'));
    cpSync(join(ROOT, 'examples', 'include'), join(this.folder, 'include'), { recursive: true });
    writeFileSync(join(this.folder, 'page.vsva'), TEXT);
  }

  /** Writes the configuration that docs/editors.md gives in a language, as it stands there. Answers its path. */
  configuration(language: string): string {
    const page = readFileSync(join(ROOT, 'docs/editors.md'), 'utf8');
    const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page);
    if (!found) throw new Error(`docs/editors.md has no ${language}`);
    const file = join(this.folder, `configuration.${language}`);
    writeFileSync(file, found[1]!);
    return file;
  }

  /** Runs an editor, and reads what its script saw: an object, whose `problem` says why the script broke off. */
  run<Seen>(command: string, args: readonly string[]): { readonly run: SpawnSyncReturns<string>; readonly seen: Seen } {
    const { folder } = this;
    const report = join(folder, 'seen.json');
    const run = spawnSync(command, [...args], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 120_000,
      env: {
        ...process.env,
        PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
        HOME: folder,
        XDG_STATE_HOME: folder,
        XDG_CACHE_HOME: folder,
        VSVA_FILE: join(folder, 'page.vsva'),
        VSVA_SEEN: report,
        VSVA_ACTION: 'before this access',
      },
    });
    return { run, seen: JSON.parse(readFileSync(report, 'utf8')) as Seen };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
