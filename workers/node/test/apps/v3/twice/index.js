module.exports = async function (context) {
  context.done(null, 'called');
  return 'returned';
};
