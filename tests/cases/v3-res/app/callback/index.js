module.exports = function (context) {
    setImmediate(() => {
        context.res = { body: 'from a callback' };
        context.done();
    });
};
