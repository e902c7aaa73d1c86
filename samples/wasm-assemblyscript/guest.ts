// Two functions in one WASI command: the event comes on standard input as JSON, the answer goes to standard output.
// The function's name is the first argument.

const event = readAll();
if (process.argv.length > 0 && process.argv[0] == "HelloAssemblyScript") {
  const name = member(event, "name");
  process.stderr.write("saying hello\n");
  const text = "Hello, " + (name.length > 0 ? name : "world") + ", from AssemblyScript!";
  process.stdout.write('{"Outputs":{"res":{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"' + text + '"}}}');
} else {
  // A queue message is JSON inside a JSON string: "\"text\"".
  const message = member(event, "message").replaceAll('\\"', "");
  process.stdout.write('{"Outputs":{"loud":"' + message.toUpperCase() + ' FROM ASSEMBLYSCRIPT!"},"Logs":["shouted"]}');
}

function readAll(): string {
  const chunk = new ArrayBuffer(4096);
  let text = new Uint8Array(0);
  for (;;) {
    const got = process.stdin.read(chunk);
    if (got <= 0) break;
    const longer = new Uint8Array(text.length + got);
    longer.set(text);
    longer.set(Uint8Array.wrap(chunk, 0, got), text.length);
    text = longer;
  }
  return String.UTF8.decode(text.buffer);
}

// The text after `"name":"`, up to the quote that ends it, still escaped. Good enough for flat values.
function member(json: string, name: string): string {
  const key = '"' + name + '":"';
  const start = json.indexOf(key);
  if (start < 0) return "";
  let end = start + key.length;
  while (end < json.length && json.charAt(end) != '"') end += json.charAt(end) == "\\" ? 2 : 1;
  return json.substring(start + key.length, end);
}
