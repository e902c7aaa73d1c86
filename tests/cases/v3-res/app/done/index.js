module.exports = function (context) {
    context.done(null, { res: { body: 'through done' } });
};
