export default async () => ({ body: import.meta.url.endsWith('/esm/main.mjs') ? 'an ES module' : 'elsewhere' });
