// What the workflows may do, in the resource group of their environment and nowhere else.

@description('Object id of the identity of the workflows.')
param principalId string

@description('Whether they set locks.')
param lock bool

var roles = loadJsonContent('../roles.json')

// Everything in the group is theirs to create and change, except roles, locks and data.
resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, roles.contributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.contributor)
  }
}

// They give the roles in access.bicep, archive-access.bicep and incoming.bicep, so they may give those seven and take them away, to and from service
// principals, and no other.
var grantable = '${roles.storageBlobDataOwner}, ${roles.storageBlobDataContributor}, ${roles.storageBlobDataReader}, ${roles.monitoringMetricsPublisher}, ${roles.storageQueueDataContributor}, ${roles.storageQueueDataMessageProcessor}, ${roles.storageQueueDataMessageSender}'

resource accessAdministrator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, roles.roleBasedAccessControlAdministrator)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.roleBasedAccessControlAdministrator)
    conditionVersion: '2.0'
    condition: '((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/write\'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${grantable}} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'})) AND ((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/delete\'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${grantable}} AND @Resource[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'}))'
  }
}

// Contributor leaves locks out. This role can take one away as well: locks are for accidents.
resource locks 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (lock) {
  name: guid(resourceGroup().id, principalId, roles.locksContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.locksContributor)
  }
}
