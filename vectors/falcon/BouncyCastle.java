// Falcon-1024 vectors with BouncyCastle's FalconSigner (Debian's libbcprov-java 1.80, Java 17 or newer).
//   CP=/usr/share/java/bcprov.jar
//   java -cp $CP vectors/falcon/BouncyCastle.java generate > vectors/falcon/bouncycastle.rsp
//   java -cp $CP vectors/falcon/BouncyCastle.java verify vectors/falcon/i2.rsp
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import org.bouncycastle.crypto.digests.SHAKEDigest;
import org.bouncycastle.crypto.params.ParametersWithRandom;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.pqc.crypto.falcon.*;

public class BouncyCastle {
    /** Hands out the given byte strings, one for each request. */
    static final class Script extends SecureRandom {
        private final transient byte[][] answers;
        private int next = 0;

        Script(byte[]... answers) {
            this.answers = answers;
        }

        @Override
        public void nextBytes(byte[] out) {
            byte[] answer = answers[next++];
            if (answer.length != out.length) {
                throw new IllegalStateException("unexpected draw of " + out.length + " bytes");
            }
            System.arraycopy(answer, 0, out, 0, out.length);
        }
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    static byte[] draw(String label, int size) {
        byte[] input = ("bouncycastle " + label).getBytes(StandardCharsets.US_ASCII);
        byte[] out = new byte[size];
        SHAKEDigest shake = new SHAKEDigest(256);
        shake.update(input, 0, input.length);
        shake.doFinal(out, 0, size);
        return out;
    }

    /** BouncyCastle leaves the header byte of raw keys out. */
    static byte[] withHeader(int header, byte[] key) {
        byte[] out = new byte[key.length + 1];
        out[0] = (byte) header;
        System.arraycopy(key, 0, out, 1, key.length);
        return out;
    }

    static void generate() throws Exception {
        System.out.println("# Falcon-1024 by "
            + new BouncyCastleProvider().getInfo() + "; made by BouncyCastle.java");
        for (int key = 0; key < 2; key++) {
            byte[] keySeed = draw("key " + key, 48);
            var generator = new FalconKeyPairGenerator();
            generator.init(new FalconKeyGenerationParameters(
                new Script(keySeed), FalconParameters.falcon_1024));
            var pair = generator.generateKeyPair();
            var publicKey = (FalconPublicKeyParameters) pair.getPublic();
            var privateKey = (FalconPrivateKeyParameters) pair.getPrivate();
            System.out.println("\nkey_seed = " + hex(keySeed));
            System.out.println("pk = " + hex(withHeader(0x0A, publicKey.getH())));
            System.out.println("sk = " + hex(withHeader(0x5A, privateKey.getEncoded())));
            for (int size : new int[] {0, 1, 33, 1000}) {
                byte[] message = draw("message " + key + " " + size, size);
                byte[] nonce = draw("nonce " + key + " " + size, 40);
                byte[] seed = draw("seed " + key + " " + size, 48);
                var signer = new FalconSigner();
                signer.init(true, new ParametersWithRandom(privateKey, new Script(nonce, seed)));
                System.out.println("\nmsg = " + hex(message) + "\nnonce = " + hex(nonce)
                    + "\nseed = " + hex(seed) + "\nsig = " + hex(signer.generateSignature(message)));
            }
        }
    }

    static void verify(String file) throws Exception {
        byte[] h = null;
        byte[] message = null;
        int count = 0;
        for (String line : Files.readAllLines(Path.of(file))) {
            String[] parts = line.split(" = ?", 2);
            if (parts.length < 2 || line.startsWith("#")) {
                continue;
            }
            byte[] value = HexFormat.of().parseHex(parts[1]);
            switch (parts[0]) {
                case "pk" -> h = Arrays.copyOfRange(value, 1, value.length);
                case "msg" -> message = value;
                case "sig" -> {
                    var signer = new FalconSigner();
                    signer.init(false, new FalconPublicKeyParameters(FalconParameters.falcon_1024, h));
                    if (!signer.verifySignature(message, value)) {
                        throw new IllegalStateException("signature " + count + " is refused");
                    }
                    count++;
                }
                default -> { }
            }
        }
        System.out.println(count + " signatures accepted");
        if (count == 0) {
            System.exit(1);
        }
    }

    public static void main(String[] args) throws Exception {
        if (args.length == 1 && args[0].equals("generate")) {
            generate();
        } else if (args.length == 2 && args[0].equals("verify")) {
            verify(args[1]);
        } else {
            System.err.println("usage: BouncyCastle generate | verify FILE");
            System.exit(2);
        }
    }
}
