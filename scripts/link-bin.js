// Lets `npx pawment` in a checkout run the checkout itself, as `npx` does for every installed package.
import { existsSync, rmSync, symlinkSync } from 'node:fs';

const folder = new URL('../node_modules/.bin/', import.meta.url);
const link = new URL('pawment', folder);
// Windows has no such links for everyone; npx finds the package there by itself, only slower.
if (existsSync(folder) && process.platform !== 'win32') {
  rmSync(link, { force: true });
  symlinkSync('../../bin/pawment.js', link);
}
