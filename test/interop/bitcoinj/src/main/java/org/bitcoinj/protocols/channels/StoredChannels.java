package org.bitcoinj.protocols.channels;

import java.util.ArrayList;
import java.util.List;
import org.bitcoinj.core.Transaction;
import org.bitcoinj.core.Utils;
import org.bitcoinj.wallet.Wallet;

/** Reads what bitcoinj stores of its channels, which only its own package may see. */
public final class StoredChannels {
  private StoredChannels() {}

  /** One channel of the payer. Amounts are units, times Unix seconds, the rest is hex. */
  public record Payer(
      int version, String txid, Transaction contract, Transaction refund, long expiry, long left, String key, String serverKey, boolean active, String closedBy) {}

  /** One channel of the payee; `key` is its private key. */
  public record Payee(int version, String txid, long expiry, long best, String signature, String key) {}

  public static List<Payer> payer(Wallet wallet) {
    List<Payer> channels = new ArrayList<>();
    for (StoredClientChannel one : StoredPaymentChannelClientStates.getFromWallet(wallet).getChannelMap().values()) {
      long expiry = one.majorVersion == 1 ? one.refund.getLockTime() : one.expiryTime;
      String serverKey = one.serverKey == null ? null : one.serverKey.getPublicKeyAsHex();
      String closedBy = one.close == null ? null : one.close.getTxId().toString();
      channels.add(new Payer(one.majorVersion, one.contract.getTxId().toString(), one.contract, one.refund, expiry, one.valueToMe.value,
          one.myKey.getPublicKeyAsHex(), serverKey, one.active, closedBy));
    }
    return channels;
  }

  public static List<Payee> payee(Wallet wallet) {
    List<Payee> channels = new ArrayList<>();
    for (StoredServerChannel one : StoredPaymentChannelServerStates.getFromWallet(wallet).getChannelMap().values()) {
      String signature = one.bestValueSignature == null ? null : Utils.HEX.encode(one.bestValueSignature);
      channels.add(new Payee(one.majorVersion, one.contract.getTxId().toString(), one.refundTransactionUnlockTimeSecs, one.bestValueToMe.value,
          signature, one.myKey.getPrivateKeyAsHex()));
    }
    return channels;
  }
}
