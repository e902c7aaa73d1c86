module.exports = function (context) {
    context.done(new Error('told to done'));
};
