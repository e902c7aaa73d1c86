export default async function (context, req) {
  return { body: `esm ${import.meta.url.split('/').pop()}` };
}
