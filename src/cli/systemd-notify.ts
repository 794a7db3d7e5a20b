import { execFile } from 'node:child_process';

/**
 * Tells systemd that a service of `Type=notify` is up; does nothing where it was started in another way. Node has no datagram sockets, so systemd's
 * own program does it, without any secrets in its environment. Resolves when that has been done, or has failed and been reported.
 */
export function sayReady(env: NodeJS.ProcessEnv, note: (text: string) => void): Promise<void> {
  const { NOTIFY_SOCKET, PATH } = env;
  if (NOTIFY_SOCKET === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    execFile('systemd-notify', ['--ready'], { env: { NOTIFY_SOCKET, PATH } }, (error) => {
      if (error !== null) note(`systemd could not be told that the service is up: ${error.message.trim()}`);
      resolve();
    });
  });
}
