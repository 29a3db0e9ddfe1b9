import { describe, expect, test, vi } from 'vitest';

vi.mock('vscode', () => ({ StatusBarAlignment: { Left: 1 }, window: {}, workspace: {} }));
vi.mock('vscode-languageclient', () => ({
  CloseAction: { DoNotRestart: 1, Restart: 2 },
  ErrorAction: { Continue: 1, Shutdown: 2 },
}));

const { Restarts } = await import('../client/restarts.ts');
const { statusOf } = await import('../client/status-bar.ts');
const { LiveResults, shownLines } = await import('../client/live-results.ts');

const [CONTINUE, SHUTDOWN] = [1, 2];
const [STAY_DOWN, RESTART] = [1, 2];

describe('a server that ends by itself', () => {
  test('is started again, up to four times within three minutes, and no notification says so', () => {
    let now = 0;
    const restarts = new Restarts(() => now);
    const ends = [0, 1, 2, 3, 4].map((second) => {
      now = second * 1000;
      return restarts.closed();
    });
    expect(ends.map((e) => e.action)).toEqual([RESTART, RESTART, RESTART, RESTART, STAY_DOWN]);
    expect(ends.every((e) => e.handled)).toBe(true);
    expect(ends[1]!.message).toContain('2 of 4');
    expect(ends[4]!.message).toMatch(/5 times .* not started again/);
    expect(restarts.count).toBe(5);
  });

  test('now and then is started again for ever; by hand the count begins anew', () => {
    let now = 0;
    const restarts = new Restarts(() => now);
    for (let i = 0; i < 20; i++) {
      now += 60_000;
      expect(restarts.closed().action).toBe(RESTART);
    }
    restarts.reset();
    expect(restarts.count).toBe(0);
    for (let i = 0; i < 4; i++) expect(restarts.closed().action).toBe(RESTART);
    expect(restarts.closed().action).toBe(STAY_DOWN);
  });

  test('of which messages arrive broken is given up at the third', () => {
    const restarts = new Restarts();
    expect([1, 2, 3, undefined].map((count) => restarts.error(new Error('x'), undefined, count))).toEqual(
      [CONTINUE, CONTINUE, SHUTDOWN, SHUTDOWN].map((action) => ({ action, handled: true })),
    );
  });

  test('leaves results greyed, and none that is late is taken for current', () => {
    const results = new LiveResults();
    const uri = 'file:///a.vsva';
    const line = { line: 1, text: 'ok', kind: 'ok', failed: false, afterFailure: false, hover: '' } as const;
    const scenarios = [{ name: 'a', line: 0, status: 'passed', message: '', lines: [line] }] as const;
    results.receive({ uri, version: 3, done: true, scenarios }, 3);
    expect(shownLines(results.of(uri)!).map((l) => l.current)).toEqual([true]);
    results.interrupted();
    expect(shownLines(results.of(uri)!).map((l) => l.current)).toEqual([false]);
    expect(statusOf(results.of(uri), { is: 'up', restarts: 1 }).text).toBe('$(history) vsva: 1 passed (stale)');
    results.edited(uri, 4, [{ start: 0, end: 0, added: 0, left: [] }]);
    results.receive({ uri, version: 3, done: true, scenarios }, 4);
    expect(shownLines(results.of(uri)!).map((l) => l.current)).toEqual([false]);
    results.receive({ uri, version: 4, done: true, scenarios }, 4);
    expect(shownLines(results.of(uri)!).map((l) => l.current)).toEqual([true]);
  });

  test('is told in the status bar, in words for a screen reader too', () => {
    const down = statusOf(undefined, { is: 'down', why: 'it ended by itself 5 times' });
    expect(down).toMatchObject({ text: '$(warning) vsva: stopped', command: 'vsva.restartServer' });
    expect(down.label).toContain('it ended by itself 5 times');
    expect(statusOf(undefined, { is: 'restarting' })).toMatchObject({ command: 'vsva.showOutput' });
    const up = statusOf(undefined, { is: 'up', restarts: 2 });
    expect(up.text).toBe('$(circle-outline) vsva: not run');
    expect(up.tooltip).toContain('ended by itself 2 times');
    expect(statusOf(undefined, { is: 'up', restarts: 0 }).tooltip).not.toContain('ended');
  });
});
