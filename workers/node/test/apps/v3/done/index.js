module.exports = function (context, req) {
  context.log('general', { a: 1 });
  context.log.error('bad');
  context.log.warn('careful');
  context.log.info('note');
  context.log.verbose('detail');
  setTimeout(() => {
    if (req.query.fail) context.done(new Error('done with failure'));
    else context.res.status(202).set('X-A', 'b').type('text/plain').send(`from ${context.executionContext.functionName}`);
  }, 5);
};
