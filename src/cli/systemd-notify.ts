import { execFile } from 'node:child_process';

/**
 * Tells systemd that a service of `Type=notify` is up; nothing where it was started otherwise. Node has no datagram sockets: systemd's own program
 * says it, and is told no secret. Resolves when that has been done, or has failed and been noted.
 */
export function sayReady(env: NodeJS.ProcessEnv, note: (text: string) => void): Promise<void> {
  const { NOTIFY_SOCKET, PATH } = env;
  if (NOTIFY_SOCKET === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    execFile('systemd-notify', ['--ready'], { env: { NOTIFY_SOCKET, PATH } }, (error) => {
      if (error !== null) note(`systemd was not told that it is up: ${error.message.trim()}`);
      resolve();
    });
  });
}
