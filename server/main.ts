import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { serve } from './lsp/connection.ts';

serve(createConnection(ProposedFeatures.all), {
  resolve: (from, path) => new URL(path, from).href,
  read: (uri) => {
    try {
      return readFileSync(fileURLToPath(uri), 'utf8');
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  },
});
