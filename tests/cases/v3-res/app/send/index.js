module.exports = function (context) {
    context.res.send('sent');
};
