/** Process entry of the language server: evaluates the script that browsers load too, as the CommonJS module it is here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';

const file = join(__dirname, 'web', 'server.js');
compileFunction(readFileSync(file, 'utf8'), ['require', 'main'], { filename: file })(require, __filename);
