module.exports = async (context) => {
    context.res = { body: 'ok', cookies: [{ name: 'a', value: '1', maxAge: 60, sameSite: 'Lax' }] };
};
