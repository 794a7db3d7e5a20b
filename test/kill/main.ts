import { parseArgs } from 'node:util';
import { type KillOptions, type KillReport, runKills } from './run.ts';
import type { Role } from './setting.ts';

const HELP = `Kills a payer and a merchant, real processes with real files, at random moments, and checks what they have left each time.

  npm run kill -- --kills 500 --seed 1     so many of each; a seed decides when, but not how far they have come by then
  npm run kill -- --hasty merchant         plants a fault (payer or merchant says that it has stored before it has), which must be found
`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    hasty: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function show({ kills, during, payments, ends, blocks }: KillReport, seconds: number): void {
  const list = (counts: ReadonlyMap<string, number>): string => [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
  process.stdout.write(`killed during: ${list(during)}\nchannels: ${list(ends)}\n`);
  process.stdout.write(
    `${kills.payer} kills of the payer and ${kills.merchant} of the merchant, ${payments} purchases, ${blocks} blocks, `,
  );
  process.stdout.write(`every coin accounted for, ${seconds.toFixed(1)} s\n`);
}

function roleNamed(name: string | undefined): Pick<KillOptions, 'hasty' | 'victims'> {
  if (name === undefined) return {};
  if (name !== 'payer' && name !== 'merchant') throw new Error(`${name} is neither payer nor merchant`);
  return { hasty: name, victims: [name] };
}

if (values.help) process.stdout.write(HELP);
else {
  const started = performance.now();
  const onKill = (role: Role, number: number): void => {
    if (number % 50 === 0) process.stdout.write(`${role} killed ${number} times\n`);
  };
  const report = await runKills({ kills: Number(values.kills), seed: Number(values.seed), onKill, ...roleNamed(values.hasty) });
  show(report, (performance.now() - started) / 1000);
}
