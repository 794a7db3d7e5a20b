export async function huntMutants(_: number): Promise<void> {}
