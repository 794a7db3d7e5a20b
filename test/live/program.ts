import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that live tests start. */
export interface Program {
  readonly name: string;
  /** Names another binary than the one on the PATH. */
  readonly variable: string;
  readonly install: string;
  /** Whether a run with CI=true may do without it. */
  readonly optional: boolean;
}

export const litecoind: Program = {
  name: 'litecoind',
  variable: 'LITECOIND',
  install: 'install the Debian package litecoind, or Litecoin Core 0.21 from litecoin.org',
  optional: false,
};

/** No package registry carries it. */
export const dogecoind: Program = {
  name: 'dogecoind',
  variable: 'DOGECOIND',
  install: 'unpack Dogecoin Core 1.14 from dogecoin.com and put dogecoind on the PATH',
  optional: true,
};

const ofDebian = (name: string, variable: string, debian = name): Program => ({
  ...{ name, variable, optional: false },
  install: `install the Debian package ${debian}`,
});

export const nginx: Program = ofDebian('nginx', 'NGINX');
export const caddy: Program = ofDebian('caddy', 'CADDY');
export const openssl: Program = ofDebian('openssl', 'OPENSSL');
export const logrotate: Program = ofDebian('logrotate', 'LOGROTATE');
export const systemdAnalyze: Program = ofDebian('systemd-analyze', 'SYSTEMD_ANALYZE', 'systemd');
export const promtool: Program = ofDebian('promtool', 'PROMTOOL', 'prometheus');

/** The path of the binary; undefined when there is none. */
export function findProgram({ name, variable }: Program): string | undefined {
  const named = process.env[variable];
  // What only root runs is not on everybody's path.
  const onPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].map((folder) => join(folder, name));
  return (named === undefined ? onPath : [named]).find(canRun);
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @throws Error with what to install when there is none. */
export function pathOf(program: Program): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program.name} is missing: ${program.install}, or name it by ${program.variable}`);
  return path;
}

/** Why a test that needs the program is left out; undefined when it runs. In CI only an optional program may be missing. */
export function whyLeftOut(program: Program): string | undefined {
  const { name, variable, install, optional } = program;
  if (findProgram(program) !== undefined || (process.env['CI'] === 'true' && !optional)) return undefined;
  return `${name} is missing: ${install}, or name it by ${variable}`;
}
