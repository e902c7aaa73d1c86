exports.run = async (context) => {
    context.log('log');
    context.log.info('log.info');
    context.log.warn('log.warn');
    context.log.error('log.error');
    context.log.verbose('hidden');
    context.res = { body: 'run among others' };
};
exports.other = () => {};
