// Two functions in one component. Requests for the HTTP function arrive as they are; messages from the queue arrive as
// `POST /ShoutJs` with the event as JSON, and are answered with JSON.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const url = new URL(request.url);
  if (url.pathname !== "/ShoutJs") {
    return new Response(`Hello, ${url.searchParams.get("name") ?? "world"}, from JavaScript!`);
  }
  const { Data } = await request.json();
  // A queue message is JSON inside a JSON string.
  const message = String(JSON.parse(Data.message));
  return Response.json({ Outputs: { loud: `${message.toUpperCase()} FROM JAVASCRIPT!` }, Logs: ["shouted"] });
}
