module.exports = function (context, timer) {
    context.log(`The shop is open${timer.isPastDue ? ' (this report is late)' : ''}.`);
    context.done();
};
