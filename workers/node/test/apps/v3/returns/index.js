module.exports = async (context, req) => ({
  status: 418,
  body: { seen: req.body, raw: req.rawBody, bytes: req.bufferBody?.length, header: req.get('X-Mixed'), params: req.params },
  cookies: [{ name: 'c', value: 'v', sameSite: 'Lax', maxAge: '5' }],
});
