module.exports = async function (context) {
    throw new Error('never works');
};
