module.exports = async function (context, req) {
  const form = req.parseFormBody();
  return { body: [...form].map(([name, part]) => [name, part.value.toString(), part.fileName, part.contentType]) };
};
