declare const __VERSION__: string | undefined;

/** Put in by the build, from package.json. */
export const PRODUCT_VERSION: string = typeof __VERSION__ === 'string' ? __VERSION__ : 'development';
