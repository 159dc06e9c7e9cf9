/** What is kept from setup to teardown. */
const shared = /** @type {{sharedControlPlane?: import('./control-plane/index.ts').ControlPlane}} */ (
  /** @type {unknown} */ (globalThis)
);

export default async function globalTeardown() {
  await shared.sharedControlPlane?.stop();
}
