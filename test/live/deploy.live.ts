import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { DEPLOY, directives, example } from '../deploy.ts';
import { logrotate, type Program, pathOf, promtool, systemdAnalyze, whyLeftOut } from './program.ts';

// The examples of running it, as the programs that read them see them.

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'pawment-deploy-'));
after(() => rmSync(folder, { recursive: true }));

const needs = (program: Program): { skip: string | false } => ({ skip: whyLeftOut(program) ?? false });

/** The folder of the units, with the program where it is here. */
function units(name: string, changes: Readonly<Record<string, string>> = {}): readonly string[] {
  const to = join(folder, name);
  mkdirSync(to);
  return readdirSync(join(DEPLOY, 'systemd'))
    .filter((one) => /\.(service|timer)$/.test(one))
    .map((one) => {
      const program = one.endsWith('.service') ? { '/usr/local/bin/pawment': resolve('bin/pawment.js') } : {};
      const own = Object.fromEntries(Object.entries(changes).filter(([from]) => example(`systemd/${one}`).includes(from)));
      writeFileSync(join(to, one), example(`systemd/${one}`, { ...program, ...own }));
      return join(to, one);
    });
}

test('systemd finds nothing wrong with the units, and would with a mistyped one', needs(systemdAnalyze), async () => {
  const verify = (paths: readonly string[]) => run(pathOf(systemdAnalyze), ['verify', '--man=no', ...paths]);
  assert.deepEqual(await verify(units('right')), { stdout: '', stderr: '' });
  const { stderr } = await verify(units('wrong', { 'ProtectSystem=strict': 'ProtectSystems=strict' }));
  assert.match(stderr, /ProtectSystems/);
});

test('a unit is exposed to little, as systemd counts it', needs(systemdAnalyze), async () => {
  const services = units('exposed').filter((path) => path.endsWith('.service'));
  for (const path of services) await run(pathOf(systemdAnalyze), ['security', '--offline=yes', '--threshold=20', path]);
  const [open = ''] = units('open', { 'ProtectSystem=strict': '', 'CapabilityBoundingSet=': '', 'NoNewPrivileges=yes': '' });
  await assert.rejects(run(pathOf(systemdAnalyze), ['security', '--offline=yes', '--threshold=20', open]));
});

test('logrotate takes its config, and finds the log', needs(logrotate), async () => {
  const changes = { '/var/log/pawment': folder };
  writeFileSync(join(folder, 'merchant.log'), 'a line\n');
  writeFileSync(join(folder, 'logrotate.conf'), example('logrotate.conf', changes), { mode: 0o644 });
  const { stderr } = await run(pathOf(logrotate), ['--debug', '--state', join(folder, 'state'), join(folder, 'logrotate.conf')]);
  assert.match(stderr, /considering log .*merchant\.log/);
  assert.doesNotMatch(stderr, /error:/);
});

test('Prometheus takes its config and the alarms', needs(promtool), async () => {
  cpSync('examples/alarms/pawment.rules.yml', join(folder, 'pawment.rules.yml'));
  for (const name of ['prometheus.yml', 'docker/prometheus.yml']) {
    writeFileSync(join(folder, 'prometheus.yml'), example(name));
    const { stdout } = await run(pathOf(promtool), ['check', 'config', join(folder, 'prometheus.yml')]);
    assert.match(stdout, /SUCCESS: \d+ rules found/);
  }
});

const runsDocker = spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;

test('the image is built from the package', { skip: runsDocker ? false : 'docker does not run here' }, async () => {
  cpSync(join(DEPLOY, 'docker'), join(folder, 'docker'), { recursive: true });
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', join(folder, 'docker')]);
  const tarball = stdout.trim().split('\n').at(-1);
  await run('docker', ['build', '--quiet', '--tag', 'pawment-test', '--build-arg', `PAWMENT=./${tarball}`, join(folder, 'docker')]);
  const said = await run('docker', ['run', '--rm', '--read-only', 'pawment-test', '--version']);
  assert.match(said.stdout, /^\d+\.\d+\.\d+$/m);
  await run('docker', ['rmi', 'pawment-test']);
});

test('the units that are verified are all there are, and each says when it is started', () => {
  const names = units('all').map((path) => path.split('/').at(-1));
  assert.deepEqual(names, ['pawment-backup.service', 'pawment-backup.timer', 'pawment-merchant.service', 'pawment-watch.service']);
  for (const name of names)
    if (name !== 'pawment-backup.service') assert.equal(directives(example(`systemd/${name}`), 'WantedBy').length, 1, name);
});
