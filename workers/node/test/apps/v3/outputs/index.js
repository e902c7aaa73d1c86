module.exports = async function (context, message, blob) {
  context.bindings.first = { message, blob: blob.toString() };
  context.bindings.second = 'text';
  return { third: ['a', 'b'] };
};
