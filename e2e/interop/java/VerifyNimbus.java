import com.nimbusds.jose.util.JSONObjectUtils;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

// docs/interop.md shows from here
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.util.Set;

class Verifier {
  private final DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();

  Verifier(String jwksUrl, String issuer, String audience, long cacheMillis) throws Exception {
    JWKSource<SecurityContext> keys =
        JWKSourceBuilder.create(URI.create(jwksUrl).toURL())
            .cache(cacheMillis, 5_000)
            .refreshAheadCache(false)
            .rateLimited(cacheMillis / 2)
            .build();
    processor.setJWSKeySelector(
        new JWSVerificationKeySelector<>(Set.of(JWSAlgorithm.RS256, JWSAlgorithm.ES256), keys));
    processor.setJWTClaimsSetVerifier(
        new DefaultJWTClaimsVerifier<>(
            audience,
            new JWTClaimsSet.Builder().issuer(issuer).build(),
            Set.of("exp", "sub")));
  }

  JWTClaimsSet verify(String token) throws Exception {
    return processor.process(token, null);
  }
}
// to here

/** One token a line in, one JSON answer a line out. */
class VerifyNimbus {
  public static void main(String[] args) throws Exception {
    var verifier = new Verifier(args[0], args[1], args[2], Long.parseLong(args[3]) * 1_000);
    var tokens = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String token; (token = tokens.readLine()) != null; ) {
      Map<String, Object> answer = new HashMap<>();
      try {
        answer.put("sub", verifier.verify(token).getSubject());
        answer.put("accepted", true);
      } catch (Exception error) {
        answer.put("accepted", false);
        answer.put("reason", error.toString());
      }
      answers.println(JSONObjectUtils.toJSONString(answer));
    }
  }
}
