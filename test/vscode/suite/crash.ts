import { matches, same, suite, until } from './check.ts';
import { api, closeAll, drawnAt, openText } from './editor.ts';

const TEXT = 'uapi vfio-2020-07\nscenario "reads" {\n  dma read dev0 at 0x1000\n}\n';

/** The processes of our language server below this extension host. */
function servers(): number[] {
  const { process } = globalThis;
  const node = process?.getBuiltinModule?.('node:child_process');
  if (!node) return [];
  const { stdout } = node.spawnSync('pgrep', ['-P', `${process.pid}`, '-f', 'server\\.cjs'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').filter(Boolean).map(Number);
}

suite('a server that is killed', {
  'is started again; until it has run everything, nothing is shown as current': async () => {
    const { drawn, host, status } = await api();
    // A worker cannot be killed from outside, and Windows has no pgrep.
    if (host === 'web' || process.platform === 'win32') return;
    const { document } = await openText(TEXT);
    const uri = document.uri.toString();
    const first = await drawnAt(document, 2, (d) => d.current);
    const killed = servers();
    same(killed.length, 1, 'servers');
    for (const id of killed) process.kill(id, 'SIGKILL');
    const greyed = await until('a result that is greyed', () => drawn(uri).find((d) => !d.current));
    matches(greyed.text, / \(stale\)$/);
    const again = await drawnAt(document, 2, (d) => d.current);
    same(again.text, first.text);
    const present = servers();
    same(
      present.filter((id) => killed.includes(id)),
      [],
      'servers that were killed',
    );
    same(present.length, 1, 'servers');
    matches(status(uri).tooltip, /ended by itself once and was started again/);
    await closeAll();
  },
});
