import { defineConfig } from 'vitest/config';

// Nothing here asserts how long something takes; a slow machine only needs patience.
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], exclude: ['test/vscode/**'], testTimeout: 300_000, hookTimeout: 300_000 },
});
