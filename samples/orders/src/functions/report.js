const { app } = require('@azure/functions');

app.timer('report', {
    schedule: '0 * * * * *',
    runOnStartup: true,
    handler: (timer, context) => {
        context.log(`The shop is open${timer.isPastDue ? ' (this report is late)' : ''}.`);
    },
});
