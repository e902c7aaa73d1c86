module.exports = async function (context, order) {
    context.log(`Order ${order.id} processed: ${order.quantity} x ${order.item}.`);
    return { ...order, status: 'processed', attempts: Number(context.bindingData.dequeueCount) };
};
