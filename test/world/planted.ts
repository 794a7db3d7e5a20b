/** What a run breaks with while a fault is planted in it; undefined where nothing notices. */
export async function brokenBy(plant: (() => () => void) | undefined, run: () => Promise<void>): Promise<unknown> {
  const undo = plant?.();
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    undo?.();
  }
}
