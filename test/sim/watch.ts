import type { ChannelId } from '../../src/core/base/bytes.ts';
import { readWatched, writeEmptied, writeWatched } from '../../src/merchant/watchtower/file-format.ts';
import type { Heartbeat, WatchFolder } from '../../src/merchant/watchtower/folder.ts';
import type { Process, Stage } from './stage.ts';

/** The folder that watchers read, on the payee's machine: each file is replaced as a whole, and then it is on the disk. */
export class WatchDisk {
  readonly files: Map<ChannelId, string> = new Map();
  #beat: Heartbeat | undefined;
  onWritten: (channel: ChannelId, text: string) => void = () => undefined;

  /** As one program has it open. */
  folder(stage: Stage, process: Process): WatchFolder {
    const ask = <T>(label: string, act: () => T): Promise<T> => stage.ask(process, `watch file ${label}`, act);
    const put = (channel: ChannelId, text: string): Promise<void> =>
      ask('write', () => {
        this.files.set(channel, text);
        this.onWritten(channel, text);
      });
    return {
      channels: () => ask('list', () => [...this.files.keys()].sort()),
      read: (channel) =>
        ask('read', () => {
          const text = this.files.get(channel);
          return text === undefined ? undefined : readWatched(text);
        }),
      stamp: (channel) => ask('stamp', () => this.files.get(channel)),
      write: (watched) => put(watched.channel, writeWatched(watched)),
      empty: (emptied) => put(emptied.channel, writeEmptied(emptied)),
      remove: (channel) => ask('remove', () => void this.files.delete(channel)),
      heartbeat: () => ask('heartbeat', () => this.#beat),
      beat: (heartbeat) =>
        ask('beat', () => {
          this.#beat = heartbeat;
        }),
    };
  }
}
