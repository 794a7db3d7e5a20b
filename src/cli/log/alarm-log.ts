import type { ToldAlarm } from '../watcher/look.ts';
import type { Log } from './log.ts';
import { FIRST_WAIT, MOST_WAIT, QUIET } from './repeated-failures.ts';

interface Told {
  readonly alarm: ToldAlarm;
  readonly since: number;
  readonly until: number;
}

const MOST_CHANNELS = 8;

/**
 * Reports each alarm once, even if the numbers in it change; sums up lasting ones, one line for each kind at growing intervals; and reports alarms
 * that have not come for a while as over. Each channel has alarms of its own: one is reported even if other channels have the same.
 */
export class AlarmLog {
  readonly #log: Log;
  readonly #told = new Map<string, Told>();
  #wait = FIRST_WAIT;
  #due: number | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Takes the alarms of one look. `now` is Unix time in milliseconds. */
  tell(alarms: readonly ToldAlarm[], now: number): void {
    for (const alarm of alarms) {
      const key = `${alarm.code} ${channelsOf([alarm]).join('')}`;
      const known = this.#told.get(key);
      if (known === undefined) this.#log.warn(factsOf([alarm]), `ALARM ${alarm.text}`);
      this.#told.set(key, { alarm, since: known?.since ?? now, until: now });
    }
    for (const [key, { alarm, since, until }] of this.#told) {
      if (now - until <= QUIET) continue;
      this.#told.delete(key);
      this.#log.info({ ...factsOf([alarm]), seconds: secondsOf(until - since) }, `over: ${alarm.text}`);
    }
    this.#sumUp(now);
  }

  #sumUp(now: number): void {
    if (this.#told.size === 0) {
      this.#wait = FIRST_WAIT;
      this.#due = undefined;
      return;
    }
    this.#due ??= now + this.#wait;
    if (now < this.#due) return;
    const lasting = [...this.#told.values()].filter(({ since, until }) => until === now && now - since >= FIRST_WAIT);
    for (const code of new Set(lasting.map(({ alarm }) => alarm.code))) {
      const alike = lasting.filter(({ alarm }) => alarm.code === code);
      const since = Math.min(...alike.map((one) => one.since));
      const facts = { ...factsOf(alike.map(({ alarm }) => alarm)), alarms: alike.length, seconds: secondsOf(now - since) };
      this.#log.warn(facts, `still: ALARM ${alike[0]?.alarm.text}`);
    }
    this.#wait = Math.min(MOST_WAIT, 2 * this.#wait);
    this.#due = now + this.#wait;
  }
}

/** For alarms with the same code. */
function factsOf(alike: readonly ToldAlarm[]): object {
  const channels = channelsOf(alike);
  const [channel] = channels;
  return { alarm: alike[0]?.code, ...(alike.length > 1 ? { channels: channels.slice(0, MOST_CHANNELS) } : { channel }) };
}

function channelsOf(alarms: readonly ToldAlarm[]): readonly string[] {
  return alarms.flatMap(({ channel }) => (channel === undefined ? [] : [channel]));
}

function secondsOf(milliseconds: number): number {
  return Math.round(milliseconds / 1_000);
}
