const { app } = require('@azure/functions');

app.timer('yearly', {
    schedule: '0 0 0 1 1 *',
    handler: (timer, context) => {
        context.log(`late: ${timer.isPastDue}, daylight saving: ${timer.schedule.adjustForDST}`);
    },
});
app.timer('failing', {
    schedule: '%FAILING_SCHEDULE%',
    retry: { strategy: 'fixedDelay', maxRetryCount: 1, delayInterval: 10 },
    handler: (timer, context) => {
        const { retryCount, maxRetryCount } = context.retryContext;
        throw new Error(`attempt ${retryCount} of ${maxRetryCount}`);
    },
});
app.timer('wrong', { schedule: 'at tea time', handler: () => {} });
