export default async function globalTeardown() {
  await globalThis.sharedControlPlane?.stop();
}
