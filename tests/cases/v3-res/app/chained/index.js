module.exports = async function (context) {
    context.res.status(202).set('x-chained', 'yes').json({ chained: true });
};
