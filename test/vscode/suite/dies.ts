/** Not a test: an extension host that is killed. Whoever runs this must not read a pass. */
export async function run(): Promise<void> {
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => {});
}
